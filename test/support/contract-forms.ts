/**
 * The form of a value: a type, a pattern for text, keys with forms, or a list of them; `map` for objects with any keys.
 */
type Form =
  | 'bool'
  | 'int'
  | 'number'
  | 'string'
  | 'string?'
  | 'hex64'
  | 'hex128'
  | { readonly [key: string]: Form }
  | readonly [Form]
  | { map: Form }
  | 'any';

/**
 * The endpoints of the original node, each under its number in the table of them, and those that its design had and it
 * never built. `bundle` and `fn` are the hash of a bundle and of a function that the node has.
 */
export const originalEndpoints = (
  bundle: string,
  fn: string,
): readonly (readonly [row: string, method: string, path: string, form: Form])[] => [
  [
    '1.1',
    'GET',
    '/',
    {
      name: 'string',
      version: 'string',
      release: 'string',
      status: 'string',
      features: ['string'],
      endpoints: { map: 'string' },
    },
  ],
  ['1.2', 'GET', '/health', { status: 'string' }],
  [
    '1.3',
    'GET',
    '/api/status',
    {
      success: 'bool',
      production: 'bool',
      safe_mode: 'bool',
      violations: ['string'],
      cors_origins: ['string'],
      p2p: { enabled: 'bool', started: 'bool', peer_count: 'int' },
    },
  ],
  ['1.4', 'GET', '/api/lattice/nodes', { success: 'bool', nodes: ['string'], count: 'int' }],
  [
    '1.5',
    'GET',
    '/api/lattice/state',
    {
      success: 'bool',
      merkle_root: 'hex64',
      state: { map: 'any' },
      state_size: 'int',
      timestamp: 'int',
      signature: 'hex128',
      signed: 'bool',
    },
  ],
  [
    '1.6',
    'GET',
    '/api/lattice/p2p/status',
    {
      success: 'bool',
      enabled: 'bool',
      started: 'bool',
      libp2p_available: 'bool',
      error: 'string?',
      topic: 'string',
      listen_multiaddrs: ['string'],
      bootstrap_peers: ['string'],
      peer_count: 'int',
      has_peers: 'bool',
      http_sync_enabled: 'bool',
      sync_mode: 'string',
      heartbeat_active: 'bool',
    },
  ],
  ['1.7', 'GET', '/api/lattice/p2p/identity', { success: 'bool', peer_id: 'string', listen_addrs: ['string'] }],
  // Without the token nothing is changed, and there is no mode.
  ['1.8', 'POST', '/api/lattice/sync/switch', { success: 'bool', message: 'string' }],
  ['1.8', 'POST', '/api/lattice/sync/switch?mode=bad', { success: 'bool', message: 'string' }],
  [
    '1.9',
    'GET',
    '/api/lattice/health',
    {
      timestamp: 'string',
      overall: 'string',
      components: {
        p2p: { status: 'string', peer_count: 'int', has_peers: 'bool' },
        http_sync: { status: 'string', mode: 'string' },
        heartbeat: { status: 'string' },
        persistence: { status: 'string', merkle_root: 'hex64' },
      },
      metrics: { map: 'any' },
    },
  ],
  [
    'design',
    'GET',
    '/sync/merkle-root',
    { success: 'bool', merkle_root: 'hex64', height: 'int', total_accounts: 'int' },
  ],
  ['design', 'GET', '/sync/peers', { success: 'bool', peers: ['any'], count: 'int' }],
  [
    'design',
    'GET',
    '/sync/proofs/1-1',
    {
      success: 'bool',
      merkle_root: 'hex64',
      height: 'int',
      from: 'int',
      to: 'int',
      proofs: ['any'],
      count: 'int',
      next: 'string?',
    },
  ],
  [
    '1.10',
    'GET',
    '/api/persistence/stats',
    {
      success: 'bool',
      executions: { total_executions: 'int', status_breakdown: { map: 'int' }, avg_execution_time_ms: 'number' },
      attacks: { total_attacks_blocked: 'int', attack_type_breakdown: { map: 'int' }, layer_breakdown: { map: 'int' } },
      merkle_root: 'hex64',
      total_bundles: 'int',
    },
  ],
  [
    '1.11',
    'GET',
    '/api/persistence/integrity',
    { success: 'bool', is_valid: 'bool', status: 'string', merkle_root: 'hex64', message: 'string' },
  ],
  ['1.12', 'GET', '/api/persistence/executions', { success: 'bool', executions: ['any'], count: 'int' }],
  ['1.12', 'GET', '/api/persistence/executions?limit=-1', { success: 'bool', executions: ['any'], count: 'int' }],
  ['1.13', 'GET', '/api/persistence/attacks', { success: 'bool', attacks: ['any'], count: 'int' }],
  ['1.13', 'GET', '/api/persistence/attacks?limit=5&unknown=1', { success: 'bool', attacks: ['any'], count: 'int' }],
  ['1.14', 'GET', '/api/persistence/bundles', { success: 'bool', bundles: [{ map: 'any' }], count: 'int' }],
  [
    '1.15',
    'GET',
    `/api/persistence/bundle/${bundle}`,
    { success: 'bool', bundle: { map: 'any' }, integrity_verified: 'bool', claims: [{ map: 'any' }] },
  ],
  [
    '1.16',
    'GET',
    '/api/persistence/merkle-root',
    { success: 'bool', merkle_root: 'hex64', total_accounts: 'int', message: 'string' },
  ],
  ['1.17', 'GET', '/api/vault/list', { success: 'bool', functions: { map: { map: 'any' } }, count: 'int' }],
  [
    '1.18',
    'GET',
    `/api/vault/${fn}`,
    { success: 'bool', function: { map: 'any' }, integrity_verified: 'bool', claims: [{ map: 'any' }] },
  ],
];

/** Why `value` has not the form, or undefined. */
export function mismatch(value: unknown, form: Form, at = 'answer'): string | undefined {
  const fail = `${at}: ${JSON.stringify(value)} is not ${JSON.stringify(form)}`;
  if (form === 'any') return undefined;
  if (form === 'bool') return typeof value === 'boolean' ? undefined : fail;
  if (form === 'int') return Number.isInteger(value) ? undefined : fail;
  if (form === 'number') return typeof value === 'number' ? undefined : fail;
  if (form === 'string?' && value === null) return undefined;
  if (form === 'string' || form === 'string?') return typeof value === 'string' ? undefined : fail;
  if (form === 'hex64' || form === 'hex128') {
    return typeof value === 'string' && new RegExp(`^[0-9a-f]{${form.slice(3)}}$`).test(value) ? undefined : fail;
  }
  if (Array.isArray(form)) {
    if (!Array.isArray(value)) return fail;
    return value
      .map((item, i) => mismatch(item, (form as readonly [Form])[0], `${at}[${i}]`))
      .find((found) => found !== undefined);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail;
  const forms = form as Readonly<Record<string, Form>>;
  const any = forms.map;
  const keys = Object.keys(value);
  if (any === undefined && keys.toSorted().join() !== Object.keys(forms).toSorted().join())
    return `${at}: keys ${keys.join()}`;
  return keys
    .map((key) => mismatch((value as Record<string, unknown>)[key], any ?? (forms[key] as Form), `${at}.${key}`))
    .find((found) => found !== undefined);
}

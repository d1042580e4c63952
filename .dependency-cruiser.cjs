// The folders are the architecture: imports point one way (ARCHITECTURE.md). Each rule lists what a folder may NOT
// import. Within core, runtime and api the parts stand in the order of the data's way: each imports earlier ones only.
const ORDER = {
  core: [
    'types',
    'cbor',
    'clock',
    'vault',
    'wire',
    'original',
    'merkle',
    'state',
    'reconcile',
    'cut',
    'roster',
    'snapshot',
    'rows',
    'replica',
  ],
  runtime: [
    'facade',
    'storage',
    'peers',
    'fleet',
    'transport',
    'commit',
    'streams',
    'repair',
    'cuts',
    'membership',
    'bootstrap',
    'vault',
    'exchange',
    'read',
    'audit',
    'upkeep',
    'watch',
    'node',
  ],
  api: ['contract', 'http', 'routes'],
};
const inOrder = (folder) =>
  ORDER[folder].map((part, i) => ({
    name: `${folder}-${part}-imports-only-earlier-parts`,
    severity: 'error',
    from: { path: `^src/${folder}/${part}/` },
    to: { path: `^src/${folder}/`, pathNot: `^src/${folder}/(${ORDER[folder].slice(0, i + 1).join('|')})/` },
  }));
const only = (name, from, allowed) => ({
  name: `${name}-imports`,
  severity: 'error',
  from: { path: `^${from}` },
  to: { path: '^(src|dashboard)/', pathNot: allowed.map((a) => `^${a}`).join('|') },
});
const src = (...folders) => folders.map((folder) => `src/${folder}`);
/** What the protocol says on the wire, without what one node keeps for itself. */
const PROTOCOL = src('core/types/', 'core/cbor/', 'core/clock/', 'core/wire/');

module.exports = {
  forbidden: [
    {
      // A call that goes another way to the vault's disk could take the threads that the state needs.
      name: 'vault-files-have-one-way-to-their-disk',
      severity: 'error',
      from: { path: '^src/adapters/vault/', pathNot: '/disk-files\\.ts$' },
      to: { path: '^(node:)?fs(/promises)?$' },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    ...inOrder('core'),
    ...inOrder('runtime'),
    ...inOrder('api'),
    {
      name: 'core-has-no-io',
      severity: 'error',
      from: { path: '^src/(core|ports|timing|runtime)/' },
      to: { dependencyTypes: ['core'] },
    },
    only('core', 'src/core/', src('core/')),
    only('ports', 'src/ports/', src('ports/', 'core/types/')),
    only('timing', 'src/timing/', src('timing/', 'ports/', 'core/types/')),
    only('runtime', 'src/runtime/', src('runtime/', 'timing/', 'core/', 'ports/')),
    only('adapters-store', 'src/adapters/store/', [
      ...src('adapters/store/', 'adapters/system/make-directory', 'ports/'),
      ...PROTOCOL,
    ]),
    only('adapters-vault', 'src/adapters/vault/', [
      ...src('adapters/vault/', 'core/vault/', 'timing/', 'ports/'),
      ...PROTOCOL,
    ]),
    only('adapters-p2p', 'src/adapters/p2p/', [...src('adapters/p2p/', 'timing/', 'ports/'), ...PROTOCOL]),
    only('adapters-http', 'src/adapters/http/', [...src('adapters/http/', 'timing/', 'ports/'), ...PROTOCOL]),
    only('adapters-system', 'src/adapters/system/', [...src('adapters/system/', 'timing/', 'ports/'), ...PROTOCOL]),
    only('config', 'src/config/', [
      ...src(
        'config/',
        'core/vault/',
        'adapters/system/keys',
        'adapters/system/ed25519',
        'adapters/system/make-directory',
      ),
      ...PROTOCOL,
    ]),
    only('api', 'src/api/', [
      ...src('api/', 'timing/', 'runtime/facade/', 'core/original/', 'core/vault/', 'moving/vault-directory'),
      ...PROTOCOL,
    ]),
    only('client', 'src/client/', src('client/', 'api/contract/', 'timing/', 'core/types/', 'core/vault/')),
    only('moving', 'src/moving/', src('moving/', 'timing/', 'ports/', 'core/')),
    only('audit', 'src/audit/', src('audit/', 'core/')),
    only(
      'cli',
      'src/cli/',
      src(
        'cli/',
        'client/',
        'moving/',
        'audit/',
        'app/',
        'config/',
        'timing/',
        'core/',
        'runtime/facade/',
        'adapters/system/',
      ),
    ),
    only('dashboard', 'dashboard/', [
      'dashboard/',
      ...src('audit/', 'client/', 'api/contract/', 'runtime/facade/', 'core/types/', 'core/merkle/', 'core/vault/'),
    ]),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};

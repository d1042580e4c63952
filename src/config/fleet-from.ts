import { isAbsolute, relative, sep } from 'node:path';
import { seedToAuthor } from '../adapters/system/keys.ts';
import { type Bytes, counted, LatticeError } from '../core/types/index.ts';
import { isFlaw } from '../core/wire/host.ts';
import { isSpaceHost } from '../core/wire/hugging-face.ts';
import { parseListenMultiaddr } from '../core/wire/multiaddr.ts';
import { type EnvDiff, envDiff } from './env-diff.ts';
import { parseEnvText } from './env-file.ts';
import { type FleetPlan, MAX_FLEET, NAME, planSites, type Site } from './fleet.ts';
import { hostOf, isLoopback, multiaddrOf, placeOf, SPACE_SITE } from './fleet-hosts.ts';
import { configOf } from './load.ts';
import { type OldNode, readOldNode } from './old-node.ts';
import { differingDefaults } from './original-defaults.ts';
import { namesOf, type Variable } from './variable.ts';
import type { VariableName } from './variables.ts';

/** Which env files to make a fleet of. */
export interface FromOptions {
  readonly dir: string;
  /** The files: the absolute path of each, and the path as it was given. */
  readonly files: readonly { readonly path: string; readonly shown: string }[];
  /** `name=host` or `name=URL` of nodes whose URLs the files do not tell. */
  readonly hosts: readonly string[];
  /** Names in the order of the files, where other ones are wanted than those of the files. */
  readonly names: readonly string[] | undefined;
  /** Where the API and the P2P lung listen on this machine when the files do not say. */
  readonly basePort: number;
  readonly p2pBasePort: number;
  readonly seed: Bytes | undefined;
}

/** A fleet of existing env files, which stay as they are. */
export interface FleetFrom {
  readonly plan: FleetPlan;
  /** What is another in the new env file of each node, in the order of the fleet. */
  readonly diffs: readonly EnvDiff[];
  /** Sentences about what did not go on as it was, with the name of the node. */
  readonly notes: readonly string[];
  /** Sentences about what is left to decide before the fleet is as it should be. */
  readonly left: readonly string[];
}

/** What goes into the new file as it stands in the old one. */
const CARRIED: readonly VariableName[] = [
  'ENVIRONMENT',
  'SAFE_MODE',
  'NODE_PUBKEY_HEX',
  'CORS_ORIGINS',
  'ALLOWED_HOSTS',
  'TRUSTED_PROXIES',
  'P2P_TOPIC',
  'P2P_MDNS',
  'P2P_OPEN',
  'HEARTBEAT_INTERVAL',
  'PEERLESS_TIMEOUT',
  'HTTP_POLL_INTERVAL',
  'LOG_LEVEL',
  'LOG_FORMAT',
  'PUBLIC_SYNC',
  'METRICS',
];

interface Member {
  readonly old: OldNode;
  readonly name: string;
  readonly url: URL;
}

/**
 * Plans a fleet of nodes that have env files of their own: keys, tokens, directories and settings go on where they are
 * usable, and what is missing is made. It writes no file.
 *
 * @throws `invalid-fleet` with one list of all that somebody has to decide first
 */
export function planFrom(options: FromOptions): FleetFrom {
  const { dir, files, seed } = options;
  const olds = files.map(({ path, shown }) => readOldNode(path, shown));
  const problems = olds.flatMap((old) => old.problems.map((problem) => `${old.path}: ${problem}`));
  if (olds.length > MAX_FLEET) problems.push(`a fleet has at most ${MAX_FLEET} nodes`);
  const names = options.names ?? olds.map(({ name }) => name);
  problems.push(...flawsOfNames(names, olds), ...flawsOfKeys(olds), ...flawsOfNetworks(olds));
  const notes: string[] = [];
  const urls = urlsOf({ olds, names, options, problems, notes });
  if (problems.length > 0) throw refusal(problems);

  const members = olds.map((old, i): Member => ({ old, name: names[i] ?? '', url: new URL(urls[i] ?? '') }));
  for (const { old, name } of members) notes.push(...old.notes.map((note) => `${name}: ${note}`));
  notes.push(
    ...differingDefaults(
      members.map(({ old }) => old),
      members.map(({ name }) => name),
    ),
  );
  const plan = planSites({
    dir,
    network: olds[0]?.config.network ?? '',
    seed,
    sites: sitesOf(members, options, notes),
  });
  const written = new Map(plan.files.map(({ name, content }) => [name, content]));
  const settled = members.map((member) => ({ ...member, text: written.get(`${member.name}.env`) ?? '' }));
  return {
    plan,
    diffs: settled.map(({ old, name, text }) => envDiff(old, `${name}.env`, parseEnvText(text).values)),
    notes,
    left: settled.flatMap(({ name, text, url }) => leftIn(text, dir, url).map((sentence) => `${name}: ${sentence}`)),
  };
}

function refusal(problems: readonly string[]): LatticeError {
  const [first = ''] = problems;
  const message =
    problems.length === 1 ? first : `${problems.length} things are to be decided first:\n  ${problems.join('\n  ')}`;
  return new LatticeError('invalid-fleet', message, {
    next: 'correct what is listed, in the files or by options, and run it again: nothing was written',
    details: { problems },
  });
}

function flawsOfNames(names: readonly string[], olds: readonly OldNode[]): string[] {
  if (names.length !== olds.length)
    return [
      `${counted(names.length, 'name')} ${names.length === 1 ? 'was' : 'were'} given for ${counted(olds.length, 'env file')}`,
    ];
  return names.flatMap((name, i) => {
    if (!NAME.test(name)) return `${olds[i]?.path}: "${name}" is not a node name; give names by --names`;
    const twin = names.findIndex((other) => other.toLowerCase() === name.toLowerCase());
    return twin < i ? `${olds[twin]?.path} and ${olds[i]?.path} both name ${name}; give names by --names` : [];
  });
}

function flawsOfKeys(olds: readonly OldNode[]): string[] {
  const authors = olds.map(({ seed }) => (seed === undefined ? undefined : seedToAuthor(seed)));
  return authors.flatMap((author, i) => {
    const twin = authors.indexOf(author);
    return author === undefined || twin === i
      ? []
      : `${olds[twin]?.path} and ${olds[i]?.path} have one private key; each node needs its own: take it out of one`;
  });
}

function flawsOfNetworks(olds: readonly OldNode[]): string[] {
  const by = new Map(olds.map(({ config }) => [`${config.network} ${config.p2p.topic}`, config]));
  const shown = [...by.values()].map(({ network, p2p }) => `${network} (topic ${p2p.topic})`);
  return by.size > 1 ? [`the files name several networks, and a fleet has one: ${shown.join(', ')}`] : [];
}

/**
 * The URL of each node: what the options say; else the one URL that the files together name and its own does not,
 * because each file names the others; else, on this machine, loopback.
 */
function urlsOf(deps: {
  readonly olds: readonly OldNode[];
  readonly names: readonly string[];
  readonly options: FromOptions;
  readonly problems: string[];
  readonly notes: string[];
}): readonly (string | undefined)[] {
  const { olds, names, problems, notes } = deps;
  const { hosts, basePort } = deps.options;
  const given = new Map<string, string>();
  for (const host of hosts) {
    const { name = '', url } = placeOf(host);
    if (names.includes(name)) given.set(name, url.href.replace(/\/+$/, ''));
    else problems.push(`--hosts ${host} names none of the nodes ${names.join(', ')}; write name=host`);
  }
  const all = [...new Set(olds.flatMap(({ urls }) => urls))];
  const urls = olds.map(({ urls: own }, i) => {
    const known = given.get(names[i] ?? '');
    if (known !== undefined) return known;
    const free = all.filter((url) => !own.includes(url) && ![...given.values()].includes(url));
    return free.length === 1 && olds.length > 1 ? free[0] : undefined;
  });
  const isHere = all.every((url) => isLocal(new URL(url)));
  let port = basePort;
  return urls.map((url, i) => {
    const old = olds[i] as OldNode;
    if (url !== undefined && urls.indexOf(url) === i) return url;
    if (isHere && (olds.length === 1 || url === undefined)) {
      const isTaken = (candidate: number): boolean =>
        urls.some((other) => other !== undefined && Number(new URL(other).port) === candidate);
      const wanted = old.text('API_PORT') === undefined ? undefined : old.config.api.port;
      while (isTaken(port)) port++;
      const here = `http://127.0.0.1:${wanted ?? port++}`;
      if (olds.length > 1)
        notes.push(`${names[i]}: no file tells its URL, so it is on this machine at ${here}; else say it by --hosts`);
      return here;
    }
    problems.push(
      `${old.path}: the files do not tell at which URL the others reach ${names[i]}; say it: --hosts ${names[i]}=https://…`,
    );
    return undefined;
  });
}

const isLocal = (url: URL): boolean => isLoopback(hostOf(url)) || url.hostname === 'localhost';

function sitesOf(members: readonly Member[], options: FromOptions, notes: string[]): readonly Site[] {
  const own = new Set(members.map(({ url }) => url.href));
  const asked = [...new Set(members.flatMap(({ old }) => old.urls))].filter((url) => !own.has(new URL(url).href));
  for (const url of asked) notes.push(`${url} is asked, too: it is the URL of none of these nodes`);
  const authors = new Set<string>(members.flatMap(({ old }) => (old.seed === undefined ? [] : seedToAuthor(old.seed))));
  const others = [...new Set(members.flatMap(({ old }) => old.trusted))].filter((key) => !authors.has(key));
  // Where a node gets a new key, a key of the old lists may have been its own, and nobody would ever be heard with it.
  const keeps = members.every(({ old }) => old.seed !== undefined);
  for (const key of others) {
    notes.push(
      keeps
        ? `the key ${key} is trusted, too: it is the key of none of these nodes`
        : `the key ${key} is left out, because some node gets a new key and this one may have been its own; add it to DIOTEC360_TRUSTED_STATE_PUBKEYS on every node if it is that of a further one`,
    );
  }
  const directories = new Set<string>();
  const p2pPorts = new Set<number>();
  return members.map(({ old, name, url }): Site => {
    const isSpace = isSpaceHost(url.hostname);
    const isHere = isLocal(url);
    const taken = (place: string): boolean => isHere && (directories.has(place) || !directories.add(place));
    const place = (variable: VariableName, path: string, fallback: string): string => {
      if (taken(path)) {
        notes.push(`${name}: ${path} is the directory of another node of this machine, so it gets ${name}/${fallback}`);
        return `${name}/${fallback}`;
      }
      const text = old.text(variable);
      if (text !== undefined && isAbsolute(text)) return text;
      return relative(options.dir, path).split(sep).join('/');
    };
    const { config } = old;
    return {
      name,
      role: config.role,
      api: url.href.replace(/\/+$/, ''),
      listensAt: listensAt(old, url),
      ...p2pOf(old, url, options.p2pBasePort, isHere ? p2pPorts : new Set()),
      directories: [
        place('STATE_DIR', config.stateDir, 'state'),
        place('VAULT_DIR', config.vaultDir, 'vault'),
        place('SENTINEL_DIR', config.sentinelDir, 'sentinel'),
      ],
      ...(old.seed === undefined ? {} : { seed: old.seed }),
      ...(old.token === undefined ? {} : { token: old.token }),
      trusts: keeps ? others : [],
      asks: asked,
      more: [
        ...CARRIED.flatMap((variable) => {
          const text = old.text(variable);
          const isMade = variable === 'NODE_PUBKEY_HEX' && old.seed === undefined;
          return text === undefined || isMade ? [] : [[variable, text] as const];
        }),
        ...SPACE_SITE.more.filter(
          ([variable]) => isSpace && variable === 'TRUSTED_PROXIES' && old.text(variable) === undefined,
        ),
        ['P2P_ENABLED', String(!isSpace && config.p2p.enabled)],
      ],
    };
  });
}

/** Where the API listens: as before; on this machine at the port of its URL; in a Space at the port of Spaces. */
function listensAt({ config, text }: OldNode, url: URL): readonly [host: string, port: number] | undefined {
  const host = text('API_HOST');
  const port = text('API_PORT') === undefined ? undefined : config.api.port;
  if (isSpaceHost(url.hostname)) return [host ?? SPACE_SITE.listensAt[0], port ?? SPACE_SITE.listensAt[1]];
  if (isLocal(url)) return [host ?? '127.0.0.1', Number(url.port || 80)];
  // The machine may give the port by PORT, which a port in the file would hide.
  return port === undefined ? undefined : [host ?? '0.0.0.0', port];
}

function p2pOf(old: OldNode, url: URL, base: number, taken: Set<number>): Pick<Site, 'p2pListen' | 'p2pAddress'> {
  if (isSpaceHost(url.hostname)) return { p2pListen: undefined, p2pAddress: undefined };
  const host = url.hostname === 'localhost' ? '127.0.0.1' : hostOf(url);
  const parsed = old.listen === undefined ? undefined : parseListenMultiaddr(old.listen);
  let port = parsed === undefined || isFlaw(parsed) || parsed.port === 0 ? base : parsed.port;
  while (taken.has(port)) port++;
  taken.add(port);
  const transport = parsed !== undefined && !isFlaw(parsed) && parsed.webSocket ? '/ws' : '';
  const bind = old.listen === undefined ? undefined : /^\/ip[46]\/([^/]+)\//.exec(old.listen)?.[1];
  return {
    p2pListen: `${multiaddrOf(bind ?? '0.0.0.0', port)}${transport}`,
    p2pAddress: `${multiaddrOf(host, port)}${transport}`,
  };
}

/** What a start with the new file would object to or warn of. */
function leftIn(text: string, dir: string, url: URL): string[] {
  const { values } = parseEnvText(text);
  const find = (variable: Variable) => {
    const name = namesOf(variable).find((one) => (values[one] ?? '') !== '');
    // The key files are not there yet, so what is expected of them is not compared.
    return name === undefined || variable.name === 'NODE_PUBKEY_HEX'
      ? undefined
      : { name, text: values[name] ?? '', base: dir, from: 'file' as const };
  };
  const findAll = (variable: Variable) => [find(variable)].flatMap((found) => found ?? []);
  const { config, problems } = configOf({ find, findAll, warnings: [] }, [], {
    cwd: dir,
    terminal: false,
    serves: true,
    keeps: true,
    p2pFails: 'lung',
  });
  return [
    ...problems.map(({ variable, rule, fix }) => `${variable}: ${rule}; ${fix}`),
    ...config.p2p.flaws,
    ...config.violations,
    ...config.warnings,
    ...(url.protocol === 'https:' && config.api.trustedProxies.length === 0
      ? ['a proxy takes its https requests: name it in DIOTEC360_TRUSTED_PROXIES, so that limits count clients']
      : []),
    ...config.legacy
      .filter(({ variable }) => variable === 'STATE_DIR')
      .map(
        ({ directory }) =>
          `the original's state lies in ${directory}: take it in on one node, once it runs, with lattice import`,
      ),
  ];
}

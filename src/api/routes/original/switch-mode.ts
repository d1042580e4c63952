import type { FastifyRequest } from 'fastify';
import { LatticeError } from '../../../core/types/index.ts';
import type { Lattice, SyncMode } from '../../../runtime/facade/index.ts';
import type { TokenCheck } from '../../http/access.ts';
import type { Addresses } from '../../http/addresses.ts';
import type { ApiConfig } from '../../http/deps.ts';

/** Headers by which proxies tell that they ask for somebody, whoever that is. */
const FORWARDING = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
] as const;
/** Headers of which a browser sends at least one with every POST. */
const BROWSING = ['origin', 'sec-fetch-site'] as const;
const MODES: readonly SyncMode[] = ['p2p', 'http', 'auto'];

/** Checks whether a request may switch the mode: by the token, or where that is configured from this very machine. */
export function createSwitchCheck(config: ApiConfig, addresses: Addresses, checkToken: TokenCheck): TokenCheck {
  return (request) => {
    if (config.api.legacySwitch === 'loopback' && isLocal(request, addresses)) return;
    checkToken(request);
  };
}

/**
 * Whether a program on this machine asks on its own behalf. A proxy that tells whom it asks for does not, and neither
 * does a browser: a page of anybody's could have it ask.
 */
function isLocal({ headers, socket }: FastifyRequest, addresses: Addresses): boolean {
  const isForOthers = [...FORWARDING, ...BROWSING].some((name) => headers[name] !== undefined);
  return !isForOthers && addresses.isLoopback(socket.remoteAddress ?? '');
}

/**
 * The mode switch of the original, with its values: the lung that is meant, and of auto the one that carries peers now.
 * Whatever goes wrong changes nothing, and is told by `success: false` without a mode.
 */
export function switchMode(request: FastifyRequest, lattice: Lattice, check: TokenCheck): object {
  const url = request.raw.url ?? '';
  const asked = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?')) : '').get('mode') ?? 'auto';
  const mode = MODES.find((m) => m === asked.toLowerCase());
  // As in the original this is told whoever asks: it is what the caller can mend, and changes nothing.
  if (mode === undefined) return { success: false, message: 'Nothing was changed: mode must be p2p, http or auto.' };
  try {
    check(request);
  } catch (cause) {
    if (!(cause instanceof LatticeError)) throw cause;
    return { success: false, message: `Nothing was changed: ${cause.message}.` };
  }
  const { message } = lattice.setMode(mode, 'switched over the HTTP API');
  const carries = mode === 'auto' ? lattice.status().syncMode : mode.toUpperCase();
  return { success: true, mode: carries === 'P2P' ? 'P2P' : 'HTTP', message };
}

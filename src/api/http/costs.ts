import type { FastifyReply, FastifyRequest } from 'fastify';
import { dropOldest, LatticeError } from '../../core/types/index.ts';
import type { Cost } from '../contract/index.ts';
import type { Clients } from './clients.ts';

// Every request costs its client what it takes of the event loop, which serves everybody (SPEC A18). The cost is
// computed from a tariff rather than measured, so that a client does not pay for what others do at the same time; the
// bench `costs` compares the tariff with what the most expensive answer of each route takes.

/** What requests of one class cost, in milliseconds of the event loop. */
interface Price {
  /** Of the request itself, charged before it is answered. */
  readonly ms: number;
  /** Of each MiB of the answer. */
  readonly msPerMiB: number;
}

/**
 * The values of a page are read, compared with the tree and written as JSON, and those of a piece only copied. Streams
 * pay for being opened: their slots bound them afterwards.
 */
export const TARIFF: Readonly<Record<Cost, Price>> = {
  free: { ms: 0, msPerMiB: 0 },
  file: { ms: 0.2, msPerMiB: 2 },
  stream: { ms: 1, msPerMiB: 0 },
  read: { ms: 0.2, msPerMiB: 15 },
  write: { ms: 0.5, msPerMiB: 15 },
  bulk: { ms: 2, msPerMiB: 10 },
  costly: { ms: 40, msPerMiB: 15 },
};
/** What each MiB of a request's body costs, which is parsed strictly. */
const BODY_MS_PER_MIB = 100;
const MIB = 1024 * 1024;

/** A share of the event loop: so many milliseconds in each second, and `burstMs` at once after a rest. */
export interface Share {
  readonly msPerSecond: number;
  readonly burstMs: number;
}

export interface Limits {
  /** One client's. */
  readonly client: Share;
  /** That of an address which has sent the right token, beside its share as a client. */
  readonly operator: Share;
  /** All clients' together. What is left is for members' sync, operators, and the node's own work. */
  readonly everybody: Share;
}

/**
 * A quarter of a core for one client is a thousand small reads a second. A burst of three seconds lets a script read
 * some hundred pages without a pause.
 */
export const DEFAULT_LIMITS: Limits = {
  client: { msPerSecond: 250, burstMs: 3000 },
  operator: { msPerSecond: 500, burstMs: 5000 },
  everybody: { msPerSecond: 750, burstMs: 5000 },
};

/** Clients that are remembered. One that is forgotten begins with a whole burst, which `everybody` bounds. */
const MAX_CLIENTS = 4096;
/** How far an account may be overdrawn by what turned out to cost much: it is even again after these seconds. */
const MAX_DEBT_SECONDS = 30;

/** One account of a token bucket (leaky bucket as a meter), by the monotonic clock. */
interface Account {
  /** Milliseconds of the event loop that are left; negative when more was taken. */
  left: number;
  at: number;
}

interface Accounts {
  /** What is left to `client`, in ms. */
  left(client: string): number;
  take(client: string, ms: number): void;
  readonly share: Share;
}

function createAccounts(share: Share): Accounts {
  const accounts = new Map<string, Account>();
  function accountOf(client: string): Account {
    const now = performance.now();
    let account = accounts.get(client);
    if (account === undefined) {
      dropOldest(accounts, MAX_CLIENTS);
      account = { left: share.burstMs, at: now };
      accounts.set(client, account);
    }
    account.left = Math.min(share.burstMs, account.left + ((now - account.at) * share.msPerSecond) / 1000);
    account.at = now;
    return account;
  }
  return {
    share,
    left: (client) => accountOf(client).left,
    take(client, ms) {
      const account = accountOf(client);
      account.left = Math.max(account.left - ms, -MAX_DEBT_SECONDS * share.msPerSecond);
    },
  };
}

export interface Costs {
  /**
   * Refuses a request whose client has used up its share, with LatticeError `rate-limited`, or where everybody's is
   * used up, with `overloaded`. Charges the request itself otherwise.
   */
  admit(request: FastifyRequest, reply: FastifyReply, cost: Cost): void;
  /** The same for a request that has shown the right token. */
  admitOperator(request: FastifyRequest, reply: FastifyReply, cost: Cost): void;
  /** Charges what a request turns out to cost beyond its class, in ms. It throws nothing. */
  charge(request: FastifyRequest, ms: number): void;
  /**
   * Marks the request's client as one at which a member has proven itself. It needs no part of everybody's share, so
   * that strangers cannot keep members from greeting the node.
   */
  vouch(request: FastifyRequest): void;
  /** Charges the bytes that a request has brought and taken. */
  chargeBytes(request: FastifyRequest, cost: Cost, bytes: { readonly body: number; readonly answer: number }): void;
}

const EVERYBODY = '';

/** Keeps one account for each client. Loopback and trusted proxies on their own behalf have none and pay nothing. */
export function createCosts(clients: Clients, limits: Limits): Costs {
  const perClient = createAccounts(limits.client);
  const operators = createAccounts(limits.operator);
  const everybody = createAccounts(limits.everybody);
  const vouched = new Set<string>();
  /** Requests that pay from an operator's account. */
  const privileged = new WeakSet<FastifyRequest>();

  function refuse(reply: FastifyReply, accounts: Accounts, left: number): never {
    const { burstMs, msPerSecond } = accounts.share;
    const retryAfterMs = Math.max(1, (-left / msPerSecond) * 1000);
    reply
      .header('ratelimit-limit', Math.ceil(burstMs))
      .header('ratelimit-remaining', 0)
      .header('ratelimit-reset', Math.ceil(retryAfterMs / 1000));
    if (accounts === everybody)
      throw new LatticeError('overloaded', 'all clients together ask more of this node than it has for them', {
        details: { retryAfterMs },
      });
    throw new LatticeError(
      'rate-limited',
      `the requests of this address cost more than ${msPerSecond} ms of the node's time in each second`,
      { next: 'go on after the time that Retry-After names, and ask for less at a time', details: { retryAfterMs } },
    );
  }

  function charge(request: FastifyRequest, ms: number): void {
    const client = clients.of(request);
    if (client === undefined || ms === 0) return;
    if (privileged.has(request)) return operators.take(client, ms);
    perClient.take(client, ms);
    if (!vouched.has(client)) everybody.take(EVERYBODY, ms);
  }

  return {
    admit(request, reply, cost) {
      const client = clients.of(request);
      if (client === undefined || cost === 'free') return;
      const left = perClient.left(client);
      if (left <= 0) refuse(reply, perClient, left);
      const leftToAll = everybody.left(EVERYBODY);
      if (leftToAll <= 0 && !vouched.has(client)) refuse(reply, everybody, leftToAll);
      charge(request, TARIFF[cost].ms);
    },
    admitOperator(request, reply, cost) {
      const client = clients.of(request);
      if (client === undefined) return;
      const left = operators.left(client);
      if (left <= 0) refuse(reply, operators, left);
      privileged.add(request);
      charge(request, TARIFF[cost].ms);
    },
    charge,
    vouch(request) {
      const client = clients.of(request);
      if (client === undefined || vouched.has(client)) return;
      dropOldest(vouched, MAX_CLIENTS);
      vouched.add(client);
    },
    chargeBytes(request, cost, { body, answer }) {
      charge(request, (body * BODY_MS_PER_MIB + answer * TARIFF[cost].msPerMiB) / MIB);
    },
  };
}

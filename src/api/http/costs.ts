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
  /** Of each MiB of the request's body. Default: BODY_MS_PER_MIB. */
  readonly bodyMsPerMiB?: number;
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
  content: { ms: 1, msPerMiB: 10, bodyMsPerMiB: 10 },
  costly: { ms: 40, msPerMiB: 15 },
};
/** What each MiB of a request's body costs where it is parsed strictly, as that of all classes without another price. */
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

/**
 * Requests of one client that are under way at a time, streams excepted: as many as an address has connections, which a
 * proxy would multiply.
 */
const MAX_UNDER_WAY = 16;
/**
 * What is kept of a client's share for each request under way, since its cost is known at the end only: the price of a
 * page of 1 MiB. Otherwise all that begin at the same time would find the same share.
 */
const HELD_MS = 15;

/** Clients that are remembered. One that is forgotten begins with a whole burst, which `everybody` bounds. */
const MAX_CLIENTS = 4096;
/** How far an account may be overdrawn by what turned out to cost much: it is even again after these seconds. */
const MAX_DEBT_SECONDS = 30;

/** One account of a token bucket (leaky bucket as a meter), by the monotonic clock. */
interface Account {
  /** Milliseconds of the event loop that are left; negative when more was taken. */
  left: number;
  /** What is kept of it for requests under way. */
  held: number;
  at: number;
}

interface Accounts {
  /** What is left to `client` beside what is held, in ms. */
  left(client: string): number;
  take(client: string, ms: number): void;
  /** Holds so much more, or less. */
  hold(client: string, ms: number): void;
  readonly share: Share;
}

function createAccounts(share: Share): Accounts {
  const accounts = new Map<string, Account>();
  function accountOf(client: string): Account {
    const now = performance.now();
    let account = accounts.get(client);
    if (account === undefined) {
      dropOldest(accounts, MAX_CLIENTS);
      account = { left: share.burstMs, held: 0, at: now };
      accounts.set(client, account);
    }
    account.left = Math.min(share.burstMs, account.left + ((now - account.at) * share.msPerSecond) / 1000);
    account.at = now;
    return account;
  }
  return {
    share,
    left(client) {
      const { left, held } = accountOf(client);
      return left - held;
    },
    hold(client, ms) {
      const account = accountOf(client);
      // An account that was forgotten meanwhile knows nothing of what it held.
      account.held = Math.max(0, account.held + ms);
    },
    take(client, ms) {
      const account = accountOf(client);
      account.left = Math.max(account.left - ms, -MAX_DEBT_SECONDS * share.msPerSecond);
    },
  };
}

export interface Costs {
  /**
   * Charges a request, and with its end what it has brought and taken. Refuses one whose client has used up its share
   * or has too many under way, with LatticeError `rate-limited`, or where everybody's share is used up, with
   * `overloaded`.
   */
  begin(request: FastifyRequest, reply: FastifyReply, cost: Cost): void;
  /** The same for a request that has shown the right token. */
  beginOperator(request: FastifyRequest, reply: FastifyReply, cost: Cost): void;
  /** Charges what a request turns out to cost beyond its class, in ms. It throws nothing. */
  charge(request: FastifyRequest, ms: number): void;
  /**
   * Charges a request that was refused before it began, such as one without the right token. Only its client pays:
   * otherwise whoever is refused often enough would use up everybody's share.
   */
  chargeRefused(request: FastifyRequest): void;
  /** Charges an answer of so many bytes, whether or not they will be sent: HEAD is read and written as GET is. */
  chargeAnswer(request: FastifyRequest, bytes: number): void;
  /** Charges so many bytes of a body as they come, which would else be charged when the request ends. */
  chargeBody(request: FastifyRequest, bytes: number): void;
  /**
   * Marks the request's client as one at which a member has proven itself. It needs no part of everybody's share, so
   * that strangers cannot keep members from greeting the node.
   */
  vouch(request: FastifyRequest): void;
}

const EVERYBODY = '';

/** Keeps one account for each client. Loopback and trusted proxies on their own behalf have none and pay nothing. */
export function createCosts(clients: Clients, limits: Limits): Costs {
  const perClient = createAccounts(limits.client);
  const operators = createAccounts(limits.operator);
  const everybody = createAccounts(limits.everybody);
  const vouched = new Set<string>();
  // Each entry has at least one request under way.
  const underWay = new Map<string, number>();
  /** Requests that pay from an operator's account. */
  const privileged = new WeakSet<FastifyRequest>();
  /** Of requests under way: the class, and the bytes of body and answer that are paid. */
  const underPay = new WeakMap<FastifyRequest, { readonly cost: Cost; body: number; answer: number }>();

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

  function take(request: FastifyRequest, client: string, ms: number): void {
    if (privileged.has(request)) return operators.take(client, ms);
    perClient.take(client, ms);
    if (!vouched.has(client)) everybody.take(EVERYBODY, ms);
  }

  /** Charges the request, and what is known of its cost when it ends. */
  function open(request: FastifyRequest, reply: FastifyReply, client: string, cost: Cost, onEnd: () => void): void {
    const { socket } = request;
    const { bytesRead, bytesWritten } = socket;
    take(request, client, TARIFF[cost].ms);
    const { msPerMiB, bodyMsPerMiB = BODY_MS_PER_MIB } = TARIFF[cost];
    const paid = { cost, body: 0, answer: 0 };
    underPay.set(request, paid);
    reply.raw.once('close', () => {
      // The requests of a connection are answered one at a time, so that what it has moved meanwhile is this one's.
      const read = Math.max(0, socket.bytesRead - bytesRead - paid.body);
      const written = Math.max(0, socket.bytesWritten - bytesWritten - paid.answer);
      take(request, client, (read / MIB) * bodyMsPerMiB + (written / MIB) * msPerMiB);
      onEnd();
    });
  }

  return {
    begin(request, reply, cost) {
      const client = clients.of(request);
      if (client === undefined || cost === 'free') return;
      const left = perClient.left(client);
      if (left <= 0) refuse(reply, perClient, left);
      const leftToAll = everybody.left(EVERYBODY);
      if (leftToAll <= 0 && !vouched.has(client)) refuse(reply, everybody, leftToAll);
      if (cost === 'stream') return open(request, reply, client, cost, () => undefined);
      const mine = underWay.get(client) ?? 0;
      if (mine >= MAX_UNDER_WAY)
        throw new LatticeError('rate-limited', `more than ${MAX_UNDER_WAY} requests of this address are under way`, {
          next: 'wait for their answers',
        });
      underWay.set(client, mine + 1);
      perClient.hold(client, HELD_MS);
      everybody.hold(EVERYBODY, HELD_MS);
      open(request, reply, client, cost, () => {
        perClient.hold(client, -HELD_MS);
        everybody.hold(EVERYBODY, -HELD_MS);
        const rest = (underWay.get(client) ?? 1) - 1;
        if (rest === 0) underWay.delete(client);
        else underWay.set(client, rest);
      });
    },
    beginOperator(request, reply, cost) {
      const client = clients.of(request);
      if (client === undefined) return;
      const left = operators.left(client);
      if (left <= 0) refuse(reply, operators, left);
      privileged.add(request);
      open(request, reply, client, cost, () => undefined);
    },
    charge(request, ms) {
      const client = clients.of(request);
      if (client !== undefined && ms > 0) take(request, client, ms);
    },
    chargeRefused(request) {
      const client = clients.of(request);
      if (client !== undefined) perClient.take(client, TARIFF.read.ms);
    },
    chargeAnswer(request, bytes) {
      const client = clients.of(request);
      const paid = underPay.get(request);
      if (client === undefined || paid === undefined) return;
      paid.answer += bytes;
      take(request, client, (bytes / MIB) * TARIFF[paid.cost].msPerMiB);
    },
    chargeBody(request, bytes) {
      const client = clients.of(request);
      const paid = underPay.get(request);
      if (client === undefined || paid === undefined) return;
      paid.body += bytes;
      take(request, client, (bytes / MIB) * (TARIFF[paid.cost].bodyMsPerMiB ?? BODY_MS_PER_MIB));
    },
    vouch(request) {
      const client = clients.of(request);
      if (client === undefined || vouched.has(client)) return;
      dropOldest(vouched, MAX_CLIENTS);
      vouched.add(client);
    },
  };
}

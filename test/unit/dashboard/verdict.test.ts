import { describe, expect, it } from 'vitest';
import type { Peer, Status } from '../../../dashboard/src/lib/types.ts';
import { lagOf, verdictOf } from '../../../dashboard/src/lib/verdict.ts';

const ROOT = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);
const NOW = 1_000_000;

const status = { root: ROOT, now: NOW } as Status;

const peer = (fields: Partial<Peer> = {}): Peer => ({
  peerId: '12D3KooWAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA11111111',
  label: '…11111111',
  configured: true,
  trusted: true,
  lung: 'p2p',
  p2p: { connected: true, lastHeardAt: NOW - 400 },
  http: { reachable: true, streaming: false },
  root: ROOT,
  agreement: 'equal',
  agreementSince: NOW - 9000,
  refused: { count: 0, reasons: {} },
  ...fields,
});

const titleOf = (peers: readonly Peer[], lost = false): string => verdictOf(status, peers, lost).title;

describe('the verdict', () => {
  it('is CONVERGED only when every member is reached and has this root', () => {
    expect(titleOf([peer(), peer()])).toBe('CONVERGED');
    expect(titleOf([peer(), peer({ agreement: 'different', root: OTHER })])).toBe('NOT CONVERGED');
  });

  it('does not believe an agreement that the roots told now contradict', () => {
    expect(titleOf([peer({ root: OTHER })])).toBe('NOT CONVERGED');
  });

  it('cannot tell of a peer that is not reached, however equal it was', () => {
    const verdict = verdictOf(status, [peer(), peer({ lung: 'none' })], false);
    expect(verdict.title).toBe('CANNOT TELL');
    expect(verdict.reasons).toHaveLength(1);
    expect(verdict.reasons[0]).toContain('not reached over either lung');
  });

  it('cannot tell before a peer has told its root', () => {
    const { root: _root, ...silent } = peer({ agreement: 'unknown' });
    expect(titleOf([silent])).toBe('CANNOT TELL');
  });

  it('cannot tell without peers, nor when the node itself is gone', () => {
    expect(titleOf([])).toBe('CANNOT TELL');
    expect(titleOf([peer({ configured: false, trusted: false })])).toBe('CANNOT TELL');
    expect(titleOf([peer()], true)).toBe('CANNOT TELL');
  });

  it('names one difference before what it does not know, and counts no stranger', () => {
    const verdict = verdictOf(
      status,
      [
        peer({
          agreement: 'different',
          root: OTHER,
          agreementSince: NOW - 4000,
          differing: { keys: 3, at: NOW, exact: true },
        }),
        peer({ lung: 'none' }),
        peer({ configured: false, trusted: false, agreement: 'different', root: OTHER }),
      ],
      false,
    );
    expect(verdict.title).toBe('NOT CONVERGED');
    expect(verdict.summary).toContain('1 of 2 other nodes');
    expect(verdict.reasons[0]).toBe('…11111111: root differs for 4 s, 3 keys');
    expect(verdict.reasons).toHaveLength(2);
  });

  it('does not call a peer with refused items converged', () => {
    const verdict = verdictOf(
      status,
      [peer({ agreement: 'equal-except-refused', refused: { count: 2, reasons: { 'untrusted-author': 2 } } })],
      false,
    );
    expect(verdict.title).toBe('NOT CONVERGED');
    expect(verdict.reasons[0]).toContain('2 refused items (2 untrusted-author)');
  });
});

describe('the lag', () => {
  it('is that of the slowest member over the lung that carries it', () => {
    const overHttp = peer({ lung: 'http', http: { reachable: true, streaming: true, lastHeardAt: NOW - 2500 } });
    expect(lagOf([peer(), overHttp], NOW)).toBe(2500);
    expect(lagOf([peer({ lung: 'none' })], NOW)).toBeUndefined();
  });
});

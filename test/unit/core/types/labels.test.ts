import { describe, expect, it } from 'vitest';
import { nodeLabel, sharedNames, shortId } from '../../../../src/core/types/index.ts';

const [A, B] = ['12D3KooWAAAAAAAA11111111', '12D3KooWAAAAAAAA22222222'];

describe('the label of a node', () => {
  it('is its name, and has the end of its id where another node has the same name', () => {
    expect(nodeLabel({ name: 'oslo', peerId: A })).toBe('oslo');
    expect(nodeLabel({ name: 'oslo', peerId: A }, true)).toBe('oslo (…11111111)');
    expect(nodeLabel({ name: 'oslo', author: 'ab'.repeat(32) }, true)).toBe('oslo (…abababab)');
  });

  it('is what else is known of a node without a name', () => {
    expect(nodeLabel({ peerId: A, url: 'http://127.0.0.1:8000' })).toBe('http://127.0.0.1:8000');
    expect(nodeLabel({ name: '', peerId: A })).toBe(shortId(A));
    expect(nodeLabel({})).toBe('an unknown node');
  });
});

describe('shared names', () => {
  it('are those of two nodes, and not of one node that is named twice or of nodes without a name', () => {
    const nodes = [
      { name: 'oslo', peerId: A },
      { name: 'oslo', peerId: B },
      { name: 'bergen', peerId: A },
      { name: 'bergen', peerId: A },
      { name: '', peerId: A },
      { peerId: B },
    ];
    expect([...sharedNames(nodes)]).toEqual(['oslo']);
  });
});

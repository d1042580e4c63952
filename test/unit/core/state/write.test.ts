import { describe, expect, it } from 'vitest';
import { type Conditions, checkConditions, versionOf } from '../../../../src/core/state/write.ts';
import type { Entry, Sibling } from '../../../../src/core/types/index.ts';
import { fragmentToSiblings } from '../../../../src/core/wire/index.ts';
import { codeOf, commitOf, hasher } from '../wire/commits.ts';

const sibling = fragmentToSiblings(commitOf([{ kind: 'put', key: 'k', value: 1, context: [] }]), hasher)[0] as Sibling;
const entry: Entry = { key: 'k', siblings: [sibling] };
const version = versionOf(sibling);

describe('conditions of a write', () => {
  it.each<readonly [Conditions, present: string, absent: string]>([
    [{}, 'none', 'none'],
    [{ mustExist: true }, 'none', 'not-found'],
    [{ ifMatch: '*' }, 'none', 'precondition-failed'],
    [{ ifMatch: version }, 'none', 'precondition-failed'],
    [{ ifMatch: ['x.0', version] }, 'none', 'precondition-failed'],
    [{ ifMatch: ['*'] }, 'precondition-failed', 'precondition-failed'],
    [{ ifMatch: [] }, 'precondition-failed', 'precondition-failed'],
    [{ ifNoneMatch: '*' }, 'precondition-failed', 'none'],
    [{ ifNoneMatch: version }, 'precondition-failed', 'none'],
    [{ ifNoneMatch: ['x.0', version] }, 'precondition-failed', 'none'],
    [{ ifNoneMatch: ['x.0'] }, 'none', 'none'],
    [{ ifNoneMatch: ['*'] }, 'none', 'none'],
    [{ ifNoneMatch: [] }, 'none', 'none'],
    [{ ifMatch: version, ifNoneMatch: version }, 'precondition-failed', 'precondition-failed'],
  ])('%j hold for what is there: %s, and for what is not: %s [A3]', (conditions, present, absent) => {
    expect(codeOf(() => checkConditions('k', entry, conditions, 0))).toBe(present);
    expect(codeOf(() => checkConditions('k', undefined, conditions, 0))).toBe(absent);
  });
});

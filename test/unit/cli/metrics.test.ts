import { expect, it } from 'vitest';
import { samplesOf } from '../../../src/cli/commands/metrics.ts';

it('samples of the text exposition format are read with labels, escapes and special values', () => {
  const text = [
    '# HELP a_total Says "x".',
    '# TYPE a_total counter',
    'a_total 3',
    'b{peer="x y",note="a \\"quoted\\" back\\\\slash, a { and }\\nline"} 1.5e3 1700000000000',
    'c{le="+Inf"} +Inf',
    'd NaN',
    '',
    'no sample at all',
  ].join('\n');
  expect(samplesOf(text)).toEqual([
    { name: 'a_total', labels: {}, value: 3 },
    { name: 'b', labels: { peer: 'x y', note: 'a "quoted" back\\slash, a { and }\nline' }, value: 1500 },
    { name: 'c', labels: { le: '+Inf' }, value: '+Inf' },
    { name: 'd', labels: {}, value: 'NaN' },
  ]);
});

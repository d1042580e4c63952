import { type Static, Type } from 'typebox';
import { AUDIT_KINDS } from '../../core/original/audit.ts';
import { entity, mapOf, word } from './describe.ts';
import { anyJson } from './entities.ts';

const { Integer, Number: Float, Object: Shape, String: Text } = Type;

const orNull = <T extends ReturnType<typeof Text> | ReturnType<typeof Float>>(schema: T) =>
  Type.Union([schema, Type.Null()]);
const text = Text();
const id = Text({
  minLength: 1,
  maxLength: 128,
  pattern: '^[!-~]+$',
  description: 'The same record under the same id is kept once.',
});
const number = Integer({ description: 'The number of the row among its kind on this node.' });
const seconds = Float({ description: 'Seconds since the Unix epoch.' });
const created = orNull(Text({ description: '`YYYY-MM-DD hh:mm:ss`, UTC.' }));
const jsonText = orNull(Text({ description: 'JSON as text.' }));
export const auditKind = word(AUDIT_KINDS);

export const ExecutionRow = entity(
  'ExecutionRow',
  'An execution with the keys that the original gives it.',
  Shape({
    id: number,
    tx_id: text,
    bundle_hash: orNull(text),
    intent_name: text,
    status: Text({ description: 'PROVED, FAILED, REJECTED or TIMEOUT, unless something else was noted.' }),
    result: jsonText,
    merkle_root_before: orNull(text),
    merkle_root_after: orNull(text),
    timestamp: seconds,
    elapsed_ms: orNull(Float()),
    layer_results: jsonText,
    telemetry: jsonText,
    created_at: created,
  }),
);
export type ExecutionRow = Static<typeof ExecutionRow.ref>;

export const AttackRow = entity(
  'AttackRow',
  'An attack with the keys that the original gives it.',
  Shape({
    id: number,
    attack_id: text,
    timestamp: seconds,
    attack_type: text,
    category: text,
    blocked_by_layer: text,
    severity: Float(),
    code_snippet: orNull(text),
    detection_method: orNull(text),
    metadata: jsonText,
    created_at: created,
  }),
);
export type AttackRow = Static<typeof AttackRow.ref>;

export const AuditView = entity(
  'AuditView',
  'An execution or attack that this node keeps.',
  Type.Union([
    Shape({ kind: word(['execution']), id, row: ExecutionRow.ref }),
    Shape({ kind: word(['attack']), id, row: AttackRow.ref }),
  ]),
);
export type AuditView = Static<typeof AuditView.ref>;

export const AuditRecord = entity(
  'AuditRecord',
  'An execution or attack that is to be added.',
  Shape(
    {
      kind: auditKind,
      id,
      row: mapOf(
        anyJson,
        'The columns of ExecutionRow or AttackRow. Those that may be null may be left out, and so may `id` and `created_at`, which the node then gives. Times and measures are numbers, everything else is text. As JSON it has at most 64 KiB.',
      ),
    },
    { additionalProperties: false },
  ),
);
export type AuditRecord = Static<typeof AuditRecord.ref>;

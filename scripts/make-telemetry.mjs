// Writes test/fixtures/original/telemetry.db: a small database in the form of the original's audit, of our own content.
//   node scripts/make-telemetry.mjs
import { writeFileSync } from 'node:fs';
import initSqlJs from 'sql.js';

const sqlite = await initSqlJs();
const database = new sqlite.Database();
database.run(`
PRAGMA page_size = 1024;
CREATE TABLE execution_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, tx_id TEXT NOT NULL, bundle_hash TEXT, intent_name TEXT NOT NULL,
  status TEXT NOT NULL, result TEXT, merkle_root_before TEXT, merkle_root_after TEXT, timestamp REAL NOT NULL,
  elapsed_ms REAL, layer_results TEXT, telemetry TEXT, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE attack_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, attack_id TEXT NOT NULL UNIQUE, timestamp REAL NOT NULL,
  attack_type TEXT NOT NULL, category TEXT NOT NULL, blocked_by_layer TEXT NOT NULL, severity REAL NOT NULL,
  code_snippet TEXT, detection_method TEXT, metadata TEXT, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE telemetry_metrics (
  id INTEGER PRIMARY KEY AUTOINCREMENT, tx_id TEXT NOT NULL, metric_name TEXT NOT NULL, metric_value REAL NOT NULL,
  timestamp REAL NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE cpu_samples (at REAL, load REAL);
CREATE INDEX executions_by_time ON execution_logs(timestamp);
CREATE INDEX attacks_by_time ON attack_logs(timestamp);
`);

const executions = [
  [
    1,
    'order-1',
    'a'.repeat(64),
    'transfer',
    'PROVED',
    '{"success": true}',
    'b'.repeat(64),
    'c'.repeat(64),
    1_771_000_001.5,
    12,
    '{"z3_prover": true}',
    '{"cpu_time_ms": 11.5}',
    '2026-02-13 16:26:41',
  ],
  [
    2,
    'order-2',
    null,
    'transfer',
    'FAILED',
    '{"success": false, "message": "não provado"}',
    null,
    null,
    1_771_000_002,
    30.5,
    '{"z3_prover": false}',
    null,
    '2026-02-13 16:26:42',
  ],
  // A row was deleted in between, so that the numbers have a gap.
  [4, 'order-2', null, 'transfer', 'PROVED', null, null, null, 1_771_000_002, null, null, null, '2026-02-13 16:26:42'],
];
for (const row of executions) database.run(`INSERT INTO execution_logs VALUES (${row.map(() => '?').join()})`, row);
const attacks = [
  [
    1,
    'feed000000000001',
    1_771_000_003.25,
    'injection',
    'code_injection',
    'input_sanitizer',
    0.9,
    "'; --",
    'pattern',
    '{"level": "high"}',
    '2026-02-13 16:26:43',
  ],
  [
    2,
    'feed000000000002',
    1_771_000_004,
    'overflow',
    'arithmetic',
    'overflow',
    1,
    null,
    null,
    null,
    '2026-02-13 16:26:44',
  ],
];
for (const row of attacks) database.run(`INSERT INTO attack_logs VALUES (${row.map(() => '?').join()})`, row);
database.run('INSERT INTO telemetry_metrics VALUES (1, ?, ?, 1.5, 1771000001.5, ?)', [
  'order-1',
  'load',
  '2026-02-13 16:26:41',
]);
database.run('VACUUM');

writeFileSync(new URL('../test/fixtures/original/telemetry.db', import.meta.url), database.export());
database.close();

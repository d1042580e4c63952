import { openLevelStore } from '../../../src/adapters/store/index.ts';
import { LatticeError } from '../../../src/core/types/index.ts';
import { tell } from '../tell.ts';
import { rowOperations } from './rows.ts';

// A process of its own for the level tests: `child.ts <open|write> <directory> [first batch]`. One JSON line per event.
const [task, directory = '', first = '0'] = process.argv.slice(2);

// The default action of a file size limit is to kill the process; with a handler the write fails with EFBIG.
process.on('SIGXFSZ', () => {});

try {
  const store = await openLevelStore(directory);
  tell({ event: 'opened' });
  if (task === 'write') {
    // Ends by being killed or by failing; the parent's deadline is the bound.
    for (let batch = Number(first); ; batch++) {
      await store.batch(rowOperations(batch));
      tell({ event: 'durable', batch });
    }
  }
  await store.close();
} catch (error) {
  if (!(error instanceof LatticeError)) throw error;
  tell({ event: 'failed', code: error.code, message: error.message, next: error.next, cause: String(error.cause) });
}

import { execFileSync } from 'node:child_process';

/** Python's own json module and hashlib, by the rules of the original: root and text of the snapshot on stdin. */
const PROGRAM = `
import hashlib, json, sys
snapshot = json.loads(sys.stdin.buffer.read().decode('utf-8'))
state = snapshot['state']
leaves = ''.join(hashlib.sha256((k + ':' + json.dumps(v)).encode()).hexdigest() for k, v in sorted(state.items()))
root = hashlib.sha256((leaves or 'empty').encode()).hexdigest()
sys.stdout.write(json.dumps([root, json.dumps(snapshot, indent=2)]))
`;

/** Whether this machine has python3, without which tests that ask it are skipped. */
export const hasPython = ((): boolean => {
  try {
    return execFileSync('python3', ['-c', 'print(1)'], { encoding: 'utf8' }) === '1\n';
  } catch {
    return false;
  }
})();

/** What Python computes as the root of a snapshot, and what it writes for it. */
export function pythonSnapshot(text: string): { readonly root: string; readonly text: string } {
  const answer = execFileSync('python3', ['-c', PROGRAM], { input: text, encoding: 'utf8', maxBuffer: 2 ** 28 });
  const [root, written] = JSON.parse(answer) as [string, string];
  return { root, text: written };
}

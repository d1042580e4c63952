import { execFileSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { instructionsOf } from './dockerfile.ts';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

/** The user that the image calls `node`. Files can be given to it by root alone. */
export const IMAGE_USER = 1000;
export const isRoot = process.getuid?.() === 0;

/**
 * Does what the instructions of a Dockerfile say, in a directory for each stage, and returns the directory of the last
 * one, which stands for the root of the image's file system. `npm ci` is answered by hard links to what is installed in
 * the repository, which is by the same lock file. Throws for an instruction that it does not know.
 */
export function makeImage(repository: string, dockerfile: string, into: string): string {
  const stages = new Map<string, string>();
  let root = '';
  let workdir = '/';
  const at = (path: string): string => join(root, path.startsWith('/') ? path : join(workdir, path));

  function copy(text: string): void {
    const words = text.split(' ');
    const option = (name: string): string | undefined =>
      words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
    const paths = words.filter((word) => !word.startsWith('--'));
    const to = paths.pop() ?? '';
    const from = option('from');
    for (const path of paths) {
      const source = from === undefined ? join(repository, path) : join(stages.get(from) ?? '', path);
      const isInto = to.endsWith('/') && !statSync(source).isDirectory();
      const target = isInto ? join(at(to), basename(source)) : at(to);
      mkdirSync(dirname(target), { recursive: true });
      if (from === undefined) cpSync(source, target, { recursive: true });
      else execFileSync('cp', ['-al', source, target]);
      const mode = option('chmod');
      if (mode !== undefined) execFileSync('chmod', [mode, target]);
    }
  }

  function install(omitsDev: boolean): void {
    const { packages } = JSON.parse(readFileSync(at('package-lock.json'), 'utf8')) as Lock;
    // A package inside another one comes with that one.
    const wanted = Object.entries(packages).filter(
      ([path, { dev, devOptional }]) =>
        path.lastIndexOf('node_modules/') === 0 && !(omitsDev && (dev === true || devOptional === true)),
    );
    for (const [path] of wanted.filter(([name]) => existsSync(join(repository, name)))) {
      mkdirSync(dirname(at(path)), { recursive: true });
      execFileSync('cp', ['-al', join(repository, path), at(path)]);
    }
    // The programs of packages, which `npm run` finds here.
    if (!omitsDev) execFileSync('cp', ['-a', join(repository, 'node_modules/.bin'), at('node_modules/.bin')]);
  }

  function run(text: string): void {
    const made = /^install -d -o node -g node -m (\d+) (.+)$/.exec(text);
    if (text === 'npm ci --ignore-scripts') install(false);
    else if (text === 'npm ci --omit=dev --ignore-scripts') install(true);
    else if (text === 'npm run -s build') execFileSync('npm', ['run', '-s', 'build'], { cwd: at('.'), stdio: 'pipe' });
    else if (made !== null) {
      const [, mode = '', paths = ''] = made;
      for (const path of paths.split(' ').map(at)) {
        mkdirSync(path, { recursive: true });
        execFileSync('chmod', [mode, path]);
        if (isRoot) chownSync(path, IMAGE_USER, IMAGE_USER);
      }
    } else throw new Error(`this is not known: RUN ${text}`);
  }

  for (const { name, text } of instructionsOf(dockerfile)) {
    if (name === 'FROM') {
      const stage = / AS (\S+)$/.exec(text)?.[1] ?? 'image';
      root = join(into, stage);
      workdir = '/';
      mkdirSync(root, { recursive: true });
      stages.set(stage, root);
    } else if (name === 'WORKDIR') {
      workdir = text;
      mkdirSync(at('.'), { recursive: true });
    } else if (name === 'COPY') copy(text);
    else if (name === 'RUN') run(text);
  }
  return root;
}

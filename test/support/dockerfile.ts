/** One instruction of a Dockerfile, continued lines joined. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The instructions of a Dockerfile, in order. */
export function instructionsOf(dockerfile: string): readonly Instruction[] {
  return dockerfile
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name = '', ...rest] = line.trim().split(/\s+/);
      return { name, text: rest.join(' ') };
    });
}

/** What a container of the last stage runs with. */
export interface ContainerRecipe {
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly ports: readonly number[];
  readonly command: readonly string[];
  /** The directories that the image makes for the user, with their owner and mode. */
  readonly directories: readonly { readonly path: string; readonly owner: string; readonly mode: string }[];
}

export function recipeOf(dockerfile: string): ContainerRecipe {
  const all = instructionsOf(dockerfile);
  const final = all.slice(all.map(({ name }) => name).lastIndexOf('FROM'));
  const texts = (name: string): readonly string[] => final.flatMap((one) => (one.name === name ? one.text : []));
  const listOf = (name: string): readonly string[] => JSON.parse(texts(name).at(-1) ?? '[]') as string[];
  const pairs = texts('ENV').flatMap((text) => [...text.matchAll(/([A-Z][A-Z0-9_]*)=(?:"([^"]*)"|(\S*))/g)]);
  return {
    env: Object.fromEntries(pairs.map(([, name = '', quoted, bare]) => [name, quoted ?? bare ?? ''])),
    user: texts('USER').at(-1) ?? 'root',
    ports: texts('EXPOSE').flatMap((text) => text.split(' ').map(Number)),
    command: [...listOf('ENTRYPOINT'), ...listOf('CMD')],
    directories: texts('RUN').flatMap((text) => {
      const [, owner = '', mode = '', paths = ''] = /^install -d -o (\S+) -g \S+ -m (\d+) (.+)$/.exec(text) ?? [];
      return paths.split(' ').flatMap((path) => (path === '' ? [] : { path, owner, mode }));
    }),
  };
}

let defects = [];

export function initialize(data) {
  defects = data;
}

/** The built command line is few files of many modules each, and a line with the path of a module stands before it. */
const MODULE = /^\/\/ (\S+\.[cm]?js)$/m;

/** The source with the defects of one module in it. */
function damaged(source, path) {
  for (const { file, from, to } of defects.filter((one) => path.endsWith(one.file))) {
    if (source.split(from).length !== 2) throw new Error(`"${from}" does not stand once in ${file}`);
    source = source.replace(from, () => to);
  }
  return source;
}

export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.includes('/dist/cli/')) return loaded;
  const [first, ...rest] = String(loaded.source).split(MODULE);
  const modules = [];
  for (let i = 0; i < rest.length; i += 2) modules.push(`// ${rest[i]}${damaged(rest[i + 1], rest[i])}`);
  return { ...loaded, source: first + modules.join('') };
}

import Module from 'node:module';

/** The built command line is few files of many modules each, and a line with the path of a module stands before it. */
const MODULE = /^\/\/ (\S+\.[cm]?js)$/m;

/**
 * Puts defects into the modules of the built command line, before it is loaded. `defects` is a list of `file` (the end
 * of the module's path), `from` (a text that stands once in what the build has made of it) and `to` (what stands there
 * instead).
 */
export function plant(defects) {
  const damaged = (source, path) => {
    for (const { file, from, to } of defects.filter((one) => path.endsWith(one.file))) {
      if (source.split(from).length !== 2) throw new Error(`"${from}" does not stand once in ${file}`);
      source = source.replace(from, () => to);
    }
    return source;
  };
  const compile = Module.prototype._compile;
  Module.prototype._compile = function (content, filename, ...rest) {
    if (!filename.includes('/dist/cli/')) return compile.call(this, content, filename, ...rest);
    const [first, ...parts] = content.split(MODULE);
    const modules = [first];
    for (let i = 0; i < parts.length; i += 2) modules.push(`// ${parts[i]}${damaged(parts[i + 1], parts[i])}`);
    return compile.call(this, modules.join(''), filename, ...rest);
  };
}

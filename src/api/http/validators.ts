import ajvCompiler, { type BuildCompilerFromPool } from '@fastify/ajv-compiler';

type Compile = ReturnType<BuildCompilerFromPool>;
type Check = ReturnType<Compile>;

/**
 * Builds validators as Fastify does by default, but each compiles its schema when the first request comes for it. A
 * third of what a node costs to start would otherwise go to schemas of routes that nobody asks for yet.
 *
 * Fastify leaves the schemas of headers as they are for a validator of ours, and gives it lower-case names: the
 * contract's names are lower-case (a test holds it).
 */
export function lateValidators(): BuildCompilerFromPool {
  const build: BuildCompilerFromPool = ajvCompiler();
  return (...schemas) => {
    let compile: Compile | undefined;
    return (...route) => {
      let compiled: Check | undefined;
      const check = (data: unknown) => {
        compile ??= build(...schemas);
        compiled ??= compile(...route);
        const answer = compiled(data);
        check.errors = compiled.errors;
        return answer;
      };
      check.errors = undefined as Check['errors'];
      return check as Check;
    };
  };
}

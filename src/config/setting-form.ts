import type { Flaw } from '../core/wire/host.ts';
import type { Variable } from './variable.ts';

/** The type of a field's value. Times are in ms where the variable has seconds. */
export type Form = 'text' | 'number' | 'bytes' | 'ms' | 'boolean' | 'list';

const EXPECTED: Readonly<Record<Form, string>> = {
  text: 'a text',
  number: 'a number',
  bytes: 'a whole number of bytes',
  ms: 'a number of milliseconds',
  boolean: 'true or false',
  list: 'a list of texts',
};

/** What is wrong with a value, and which one: of a list it may be an item. */
export interface FormFlaw extends Flaw {
  readonly value: unknown;
}

/** A text that every file name, network and log has room for as it is. */
const isText = (value: unknown): value is string => typeof value === 'string' && !/[\0\p{Cs}]/u.test(value);

/** The text that a variable would have, of the value that a program gives a field. What is no text has a flaw. */
export function formatted(form: Form, value: unknown, { range, default: usual }: Variable): string | FormFlaw {
  const wrong: FormFlaw = { value, rule: `it is not ${EXPECTED[form]}`, fix: `give ${EXPECTED[form]}` };
  /** `factor` is how many of the program's units the unit of the variable is. */
  function within(number: number, unit: string, factor: number, example: string): FormFlaw | undefined {
    const [least, greatest] = (range ?? [0, Number.MAX_SAFE_INTEGER / factor]).map((bound) => bound * factor);
    if (number >= (least ?? 0) && number <= (greatest ?? 0)) return undefined;
    return { value, rule: `it is outside ${least} to ${greatest} ${unit}`, fix: `give ${EXPECTED[form]}${example}` };
  }
  switch (form) {
    case 'text':
      if (typeof value === 'string' && !isText(value))
        return { value, rule: 'it contains a zero byte or a lone surrogate', fix: 'give well-formed text' };
      return typeof value === 'string' ? value : wrong;
    case 'boolean':
      return typeof value === 'boolean' ? String(value) : wrong;
    case 'number':
      return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : wrong;
    case 'bytes':
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) return wrong;
      return within(value, 'bytes', 1, '') ?? String(value);
    case 'ms':
      if (typeof value !== 'number' || !Number.isFinite(value)) return wrong;
      return within(value, 'ms', 1000, `, for example ${Number(usual) * 1000}`) ?? (value / 1000).toFixed(6);
    case 'list': {
      if (!Array.isArray(value)) return wrong;
      // A list that pretends to be long is refused at its first hole.
      for (let i = 0; i < value.length; i++) {
        const item: unknown = value[i];
        if (!isText(item)) return { ...wrong, value: item, rule: `its item ${i} is no text` };
        if (item.includes(','))
          return { value: item, rule: 'it contains a comma', fix: 'give each item as a text of its own' };
      }
      return value.join(',');
    }
  }
}

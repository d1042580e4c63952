import { createRequire } from 'node:module';

/** Characters that a plain scalar would carry as they are. Between double quotes they can be escaped. */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/**
 * Writes a value of JSON as one YAML 1.2 document with a line feed at its end. Texts that readers of YAML 1.1 would take
 * for something else, such as no or 12:30:45, are quoted. `escaped` makes each line safe for a
 * terminal; it is given quoted text only where the line has something to escape.
 */
export function documentText(value: unknown, escaped: (line: string) => string): string {
  // The library is loaded only where it is used, so that every other command starts without it.
  const require = createRequire(import.meta.url);
  const { Document, visit } = require('yaml') as typeof import('yaml');
  // A value that occurs twice is written twice, because readers of data do not expect anchors.
  const document = new Document(value, { aliasDuplicateObjects: false, compat: 'yaml-1.1' });
  visit(document, {
    Scalar(_, scalar) {
      if (typeof scalar.value === 'string' && (scalar.value === '=' || CONTROLS.test(scalar.value)))
        scalar.type = 'QUOTE_DOUBLE';
    },
  });
  const text = document.toString({ lineWidth: 0, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER });
  return text.split('\n').map(escaped).join('\n');
}

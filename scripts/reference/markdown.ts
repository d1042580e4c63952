/** Makes a table with pipes. Cells are Markdown, in which whatever would end a cell or a line is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return text
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
}

export function code(text: string): string {
  return `\`${text}\``;
}

/** The anchor that viewers of Markdown give a heading. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** Makes a page of blocks, which says that it is generated and by which command. */
export function page(title: string, blocks: readonly string[]): string {
  const note = '<!-- Generated from the code: npm run -s reference -->';
  return `${[`# ${title}`, note, ...blocks.filter((block) => block !== '')].join('\n\n')}\n`;
}

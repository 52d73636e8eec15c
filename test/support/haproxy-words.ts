/** HAProxy's own reading of a line: words, quotes, escapes, comments. Throws where HAProxy would expand or refuse. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < line.length; i++) {
    const c = line.charAt(i);
    if (c === '\n' || c === '\r' || c === '\0') throw new Error('a line ends here');
    if (c === '#') return word === undefined ? words : [...words, word];
    if (c === ' ' || c === '\t') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (c === "'") {
      const end = line.indexOf("'", i + 1);
      if (end < 0) throw new Error('unmatched quote');
      word = (word ?? '') + line.slice(i + 1, end);
      i = end;
    } else if (c === '"' || c === '$') {
      throw new Error('would be expanded');
    } else if (c === '\\') {
      i += 1;
      if (/[nrtx]/.test(line.charAt(i))) throw new Error('would become a control character');
      word = (word ?? '') + line.charAt(i);
    } else {
      word = (word ?? '') + c;
    }
  }
  return word === undefined ? words : [...words, word];
}

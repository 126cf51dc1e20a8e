/** Exact identifiers in a query: codes and quoted phrases, which a document either holds or does not. */

/** Quoted phrases, in straight, curly and angle quotes. */
const quotedPattern = /"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»/g;

/** Runs of letters and digits, also joined by signs as in "ORA-00942", "WH-1000XM4/B" and "ERR_TIMED_OUT". */
const tokenPattern = /[\p{L}\p{N}]+(?:[-_./:#+][\p{L}\p{N}]+)*/gu;

/** A number beside a unit or an ending: "64GB", "2.4ghz", "1080p", "3rd". */
const measurePattern = /^\d{1,4}(?:[.,]\d+)?\p{L}{1,4}$/u;
/** Words in capitals that are joined: "ERR_TIMED_OUT". */
const constantPattern = /^\p{Lu}[\p{Lu}\p{N}]*(?:_[\p{Lu}\p{N}]+)+$/u;
/** Dates, times, versions and plain numbers of few digits say too little by themselves. */
const numberPattern = /^[\d.,:/-]+$/;
const leastLength = 4;
const leastDigits = 5;

/**
 * The identifiers of a query, in lower case: quoted phrases; words that mix digits with letters ("006R90321", "SM-G950F"),
 * without measures ("64GB"); numbers of five digits or more; and joined words in capitals ("ERR_TIMED_OUT").
 */
export function identifiersIn(query: string): readonly string[] {
  const phrases = [...query.matchAll(quotedPattern)].flatMap(([, ...groups]) => groups.filter(Boolean));
  const tokens = query.replaceAll(quotedPattern, ' ').match(tokenPattern) ?? [];
  const found = [...phrases.map((phrase) => phrase.trim()).filter(hasWord), ...tokens.filter(isIdentifier)];
  return [...new Set(found.map((each) => each.toLowerCase()))];
}

const hasWord = (phrase: string): boolean => /[\p{L}\p{N}]/u.test(phrase);

function isIdentifier(token: string): boolean {
  if (constantPattern.test(token)) return true;
  if (token.length < leastLength || !/\d/.test(token)) return false;
  if (numberPattern.test(token)) return /^\d+$/.test(token) && token.length >= leastDigits;
  return !measurePattern.test(token);
}

/** Whether a text holds an identifier (in lower case) that is not a part of a longer word; upper and lower case are one. */
export function holdsIdentifier(text: string, identifier: string): boolean {
  const searched = text.toLowerCase();
  for (let at = searched.indexOf(identifier); at !== -1; at = searched.indexOf(identifier, at + 1)) {
    const isWhole = !isWordAt(searched, at - 1) && !isWordAt(searched, at + identifier.length);
    if (isWhole) return true;
  }
  return false;
}

function isWordAt(text: string, at: number): boolean {
  const sign = text[at];
  return sign !== undefined && /[\p{L}\p{N}]/u.test(sign);
}

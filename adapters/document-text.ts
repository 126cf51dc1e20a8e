/** Joins fields to the text that the model reads, and remembers which field each part came from. */
import { ConfigurationError, type TextSegment } from '../engine/index.ts';

/** Which fields make a document's text: a list of fields, or a template that names them in braces. */
export interface DocumentTextOptions {
  /** Dotted paths of the fields, in reading order. Give these or a `template`. */
  readonly fields?: readonly string[] | undefined;
  /** What stands between two fields that have text. @defaultValue `' '` */
  readonly separator?: string | undefined;
  /**
   * Text with fields in braces, for instance `'{title} ({year}): {body}'`; a missing field is empty, and so is the text
   * of a document that has none of the fields. `{{` is a brace.
   */
  readonly template?: string | undefined;
}

/** One stretch of a field's text. */
export interface FieldPart {
  /** The words. */
  readonly text: string;
  /** Where they start inside the field's own value, in UTF-16 code units; `undefined` when unknown. */
  readonly fieldStart: number | undefined;
}

/** A document's text with where each field lies in it. */
export interface DocumentText {
  /** What the model reads. */
  readonly text: string;
  /** Which field each part came from, ascending and disjoint; parts whose offsets in their field are unknown are left out. */
  readonly segments: readonly TextSegment[];
}

/** Joins fields to a text. */
export interface TextWriter {
  /** The fields that the text is made of, each once. */
  readonly fields: readonly string[];
  /** The text of one document; `partsOf` gives the pieces of a field's text, and none when the field is missing. */
  write(partsOf: (field: string) => readonly FieldPart[]): DocumentText;
}

type TemplatePart = { readonly literal: string } | { readonly field: string };

/** What stands between two fields that have text. */
export const defaultSeparator = ' ';

/** Stands between two pieces (highlight fragments) of one field. */
const pieceSeparator = ' … ';

/**
 * Makes a text writer.
 *
 * @throws ConfigurationError when neither `fields` nor `template` is given, when both are, and when either cannot be
 * read.
 */
export function textWriter(options: DocumentTextOptions, what: string): TextWriter {
  checkOptions(options, what);
  const { fields = [], separator = defaultSeparator, template } = options;
  if (template === undefined) {
    return { fields: [...new Set(fields)], write: (partsOf) => joinFields(fields, separator, partsOf) };
  }
  const parts = parseTemplate(template);
  const named = parts.flatMap((part) => ('field' in part ? [part.field] : []));
  return { fields: [...new Set(named)], write: (partsOf) => fillTemplate(parts, partsOf) };
}

function checkOptions({ fields, template }: DocumentTextOptions, what: string): void {
  const fail = (path: string, message: string): never => {
    throw new ConfigurationError(what, [{ path, message }]);
  };
  if (fields !== undefined && template !== undefined)
    fail('fields', 'expected fields or a template, got both');
  if (template !== undefined) {
    if (typeof template !== 'string' || !parseTemplate(template).some((part) => 'field' in part)) {
      fail(
        'template',
        `expected a text that names a field in braces, such as "{title} {body}", got ${JSON.stringify(template)}`,
      );
    }
    return;
  }
  const isList = Array.isArray(fields) && fields.every((field) => typeof field === 'string' && field !== '');
  if (!isList || fields.length === 0) {
    fail(
      'fields',
      `expected the names of the fields that the model reads, such as ["title", "body"], got ${JSON.stringify(fields)}`,
    );
  }
}

function parseTemplate(template: string): readonly TemplatePart[] {
  return [...template.matchAll(/\{\{|\}\}|\{([^{}]+)\}|[^{}]+|[{}]/gsu)].map(([whole, field]) => {
    if (field !== undefined) return { field: field.trim() };
    return { literal: whole === '{{' || whole === '}}' ? whole[0]! : whole };
  });
}

interface Draft {
  text: string;
  readonly segments: TextSegment[];
}

function append(draft: Draft, field: string, parts: readonly FieldPart[]): void {
  for (const [i, { text, fieldStart }] of parts.entries()) {
    if (i > 0) draft.text += pieceSeparator;
    const start = draft.text.length;
    draft.text += text;
    if (fieldStart === undefined || text === '') continue;
    const segment = { field, start, end: draft.text.length };
    draft.segments.push(fieldStart === 0 ? segment : { ...segment, fieldStart });
  }
}

function joinFields(
  fields: readonly string[],
  separator: string,
  partsOf: (field: string) => readonly FieldPart[],
): DocumentText {
  const draft: Draft = { text: '', segments: [] };
  for (const field of fields) {
    const parts = partsOf(field).filter(({ text }) => text !== '');
    if (parts.length === 0) continue;
    if (draft.text !== '') draft.text += separator;
    append(draft, field, parts);
  }
  return draft;
}

function fillTemplate(
  template: readonly TemplatePart[],
  partsOf: (field: string) => readonly FieldPart[],
): DocumentText {
  const draft: Draft = { text: '', segments: [] };
  let hasText = false;
  for (const part of template) {
    const before = draft.text;
    if ('field' in part) append(draft, part.field, partsOf(part.field));
    else draft.text += part.literal;
    hasText ||= draft.text !== before && 'field' in part;
  }
  // The template's own words say nothing about a document that has none of the fields.
  return hasText ? draft : { text: '', segments: [] };
}

/** Plans states for bulk operations: which operations get a state, and where it goes. */
import { isObject, type JsonObject } from '../../cluster/json.ts';
import type { StatePlace } from '../../stored-states/places.ts';
import type { MadeState } from '../place/contract.ts';
import { besideContent, fieldContent } from '../place/made-state.ts';
import type { ReadText } from '../place/read-text.ts';
import { type BulkLine, type BulkStep, partOf, toJson, withProperty } from './lines.ts';

/** The plan of an operation: the texts to encode, and the operation with their states. */
export interface PlannedStep {
  /** The texts whose states are needed. */
  readonly texts: readonly string[];
  /** The operation's lines, with states in them. */
  own(states: readonly MadeState[]): readonly BulkLine[];
  /** Operations to add after it. */
  added(states: readonly MadeState[]): readonly (readonly BulkLine[])[];
}

/** Plans one operation. @param index - Name of the index beside, where states lie there. */
export function planStep(
  step: BulkStep,
  place: StatePlace,
  { text, index }: { readonly text: ReadText; readonly index: string },
): PlannedStep {
  return place.kind === 'sidecar' ? planBeside(step, text, index) : planInside(step, text, place);
}

/** The plan of an operation that gets no state. */
export function asItIs({ action, body }: BulkStep): PlannedStep {
  return { texts: [], own: () => (body === undefined ? [action] : [action, body]), added: () => [] };
}

function planInside(
  step: BulkStep,
  text: ReadText,
  { field = '', vector = false }: StatePlace & { readonly kind: 'field' },
): PlannedStep {
  const { kind, action, body } = step;
  if (kind === 'delete' || body === undefined) return asItIs(step);
  const put = (line: BulkLine, state: MadeState, isPartial: boolean): BulkLine => {
    const content = fieldContent(state, { hasVector: vector });
    // Only a partial document, which the server merges, has to name the parts that an old state must lose.
    return withProperty(line, field, isPartial ? content : withoutNulls(content));
  };
  if (kind !== 'update') {
    const texts = [text.of({ _source: toJson(body, 0) })];
    return { texts, own: ([state]) => [action, put(body, state!, false)], added: () => [] };
  }
  const whole = partsOf(body, text);
  if (whole.length === 0) return asItIs(step);
  const own: PlannedStep['own'] = (states) => [
    action,
    whole.reduce<BulkLine>(
      (line, { name, part }, i) => withProperty(line, name, put(part, states[i]!, name === 'doc')),
      body,
    ),
  ];
  return { texts: whole.map((part) => part.text), own, added: () => [] };
}

interface UpdatePart {
  readonly name: 'doc' | 'upsert';
  readonly part: BulkLine;
  readonly text: string;
}

/** The parts of an update that hold all fields of the text. */
function partsOf(body: BulkLine, text: ReadText): readonly UpdatePart[] {
  return (['doc', 'upsert'] as const).flatMap((name) => {
    const part = partOf(body, name);
    if (part === undefined) return [];
    const json = toJson(part, 0);
    const isWhole = name === 'upsert' || text.fields.every((field) => holds(json, field));
    return isWhole ? [{ name, part, text: text.of({ _source: json }) }] : [];
  });
}

/** Whether an object holds a value, even an empty one, at a dotted path. */
function holds(value: JsonObject, field: string): boolean {
  if (Object.hasOwn(value, field)) return true;
  return Object.entries(value).some(
    ([name, entry]) =>
      field.startsWith(`${name}.`) && isObject(entry) && holds(entry, field.slice(name.length + 1)),
  );
}

/** Whether a write happens only under a condition; then its state may not fit what is stored. */
function isConditional(target: JsonObject): boolean {
  return ['if_seq_no', 'if_primary_term', 'version', 'version_type'].some((name) => name in target);
}

function planBeside(step: BulkStep, text: ReadText, index: string): PlannedStep {
  const { kind, target, body } = step;
  const { _id: id, routing } = target;
  if (id === undefined || id === null || isConditional(target)) return asItIs(step);
  const beside = { _index: index, _id: id, ...(routing !== undefined && routing !== null && { routing }) };
  const { own } = asItIs(step);
  if (kind === 'delete' || body === undefined) return { texts: [], own, added: () => [[{ delete: beside }]] };
  const texts = kind === 'update' ? updateText(body, text) : [text.of({ _source: toJson(body, 0) })];
  if (texts.length === 0) return asItIs(step);
  const action = { [kind === 'create' ? 'create' : 'index']: beside };
  return { texts, own, added: ([state]) => [[action, besideContent(state!)]] };
}

/** The text after an update; `undefined` when the text depends on the stored document. */
function updateText(body: BulkLine, text: ReadText): readonly string[] {
  const parts = partsOf(body, text);
  return parts.length === 1 && parts[0]!.name === 'doc' ? [parts[0]!.text] : [];
}

function withoutNulls(content: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(content).filter(([, value]) => value !== null));
}

/** Properties of an interface, as its source declares and documents them. */
import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';

export interface DocumentedProperty {
  readonly name: string;
  /** The property's type as written, without `| undefined`. */
  readonly type: string;
  readonly isOptional: boolean;
  /** Its doc comment, without tags. */
  readonly text: string;
  /** The text of `@defaultValue`. */
  readonly defaultValue: string | undefined;
}

/** Properties of one interface. @param path - From the repository's root. */
export function interfaceProperties(path: string, name: string): readonly DocumentedProperty[] {
  const found = interfacesOf(path).find((one) => one.name === name);
  if (!found) throw new Error(`No interface ${name} in ${path}.`);
  return found.members;
}

interface FoundInterface {
  readonly name: string;
  readonly members: readonly DocumentedProperty[];
}

function interfacesOf(path: string): readonly FoundInterface[] {
  const text = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return source.statements.filter(ts.isInterfaceDeclaration).map((one) => ({
    name: one.name.text,
    members: one.members.filter(ts.isPropertySignature).map(propertyOf),
  }));
}

function propertyOf(member: ts.PropertySignature): DocumentedProperty {
  const [tag] = ts.getJSDocTags(member).filter(({ tagName }) => /^default/.test(tagName.text));
  const [comment] = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc);
  return {
    name: member.name.getText(),
    type: (member.type?.getText() ?? '').replace(/ \| undefined$/, ''),
    isOptional: member.questionToken !== undefined,
    text: plain(comment?.comment),
    defaultValue: tag && plain(tag.comment),
  };
}

function plain(comment: string | ts.NodeArray<ts.JSDocComment> | undefined): string {
  return (ts.getTextOfJSDocComment(comment) ?? '').replace(/\s+/g, ' ').trim();
}

/** Every property of that name in the interfaces of a folder's sources. @param folder - From the repository's root. */
export function propertiesNamed(folder: string, name: string): readonly DocumentedProperty[] {
  const files = readdirSync(new URL(`../../../${folder}/`, import.meta.url), { recursive: true }).map(String);
  return files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => interfacesOf(`${folder}/${file}`).flatMap(({ members }) => members))
    .filter((one) => one.name === name);
}

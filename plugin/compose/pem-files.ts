/** Reads the PEM files that settings name. */
import { readFile } from 'node:fs/promises';
import type { ConfigurationIssue } from '../../engine/index.ts';

/** Texts of files, by the names of the settings. */
export type PemTexts<Name extends string> = Readonly<Partial<Record<Name, string>>>;

/**
 * Reads files one after another, so that issues stand in their order.
 *
 * @param section - Path of the settings, such as `elasticsearch.tls`.
 * @param files - Paths by setting; those that are not given are left out.
 * @param issues - Gets one for each file that cannot be read, or is no PEM file.
 */
export async function readPemFiles<Name extends string>(
  section: string,
  files: Readonly<Record<Name, string | undefined>>,
  issues: ConfigurationIssue[],
): Promise<PemTexts<Name>> {
  const texts: Partial<Record<Name, string>> = {};
  for (const [name, file] of Object.entries(files) as [Name, string | undefined][]) {
    if (file === undefined) continue;
    const path = `${section}.${name}`;
    try {
      const text = await readFile(file, 'utf8');
      if (text.includes('-----BEGIN')) texts[name] = text;
      else issues.push({ path, message: `expected a PEM file, got "${file}"` });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      issues.push({ path, message: `cannot read "${file}" (${code})` });
    }
  }
  return texts;
}

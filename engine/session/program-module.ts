/** Where a worker's program lies. */

/** Address of a program beside the module that opens it, of the same form as that: TypeScript as written, or built. */
export function programModule(name: string, opener: string): URL {
  return new URL(`./${name}${opener.endsWith('.ts') ? '.ts' : '.js'}`, opener);
}

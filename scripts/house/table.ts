/**
 * The table of who may import whom, `house.json`: rooms by floor, each with what it may import besides itself and its
 * floor's ground. Names are those of the floor unless they begin with another one.
 */
import { readFileSync } from 'node:fs';

/** One room: a folder, or a file that stands alone in a floor. */
export interface Room {
  /** Its path from the root, for instance `engine/graph`. */
  readonly name: string;
  /** Rooms and files that it may import, as paths from the root. */
  readonly imports: ReadonlySet<string>;
}

/** The house. */
export interface House {
  /** Every room by its name. */
  readonly rooms: ReadonlyMap<string, Room>;
  /** Packages that only some rooms may import; what begins with such a name and `/` counts too. */
  readonly packages: ReadonlyMap<string, ReadonlySet<string>>;
  /** Files that every room of a floor may import, by the floor's name. */
  readonly grounds: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The floors, from the ground up: their folders. */
export const floors = ['engine', 'adapters', 'plugin'] as const;

type Rows = Readonly<Record<string, string>>;

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

/** Reads the table. */
export function readHouse(file: string | URL): House {
  const table = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, Rows>>;
  const rooms = floors.flatMap((floor) => readFloor(floor, table[floor] ?? {}));
  const grounds = floors.map((floor) => [floor, new Set(groundOf(floor, table[floor] ?? {}))] as const);
  const packages = Object.entries(table['packages'] ?? {});
  return {
    rooms: new Map(rooms.map((room) => [room.name, room])),
    packages: new Map(packages.map(([name, allowed]) => [name, new Set(words(allowed))])),
    grounds: new Map(grounds),
  };
}

/** Names of a floor's rows, as paths from the root. */
function pathsOf(floor: string, names: string): string[] {
  return words(names).map((name) =>
    floors.some((each) => name.startsWith(`${each}/`)) ? name : `${floor}/${name}`,
  );
}

const groundOf = (floor: string, { ground = '' }: Rows): string[] => pathsOf(floor, ground);

function readFloor(floor: string, { ground, ...rows }: Rows): Room[] {
  const common = pathsOf(floor, ground ?? '');
  const given = Object.entries(rows).flatMap(([names, imports]) =>
    pathsOf(floor, names).map((name) => ({
      name,
      imports: new Set([...common, ...pathsOf(floor, imports)]),
    })),
  );
  const isGiven = new Set(given.map(({ name }) => name));
  const loose = common.filter((name) => name.startsWith(`${floor}/`) && !isGiven.has(name));
  return [...given, ...loose.map((name) => ({ name, imports: new Set(common) }))];
}

/** The room that a file lies in: the longest that holds it; `undefined` for a file in none. */
export function roomOf(house: House, file: string): Room | undefined {
  for (
    let path = file;
    path !== '.' && path !== '';
    path = path.slice(0, Math.max(0, path.lastIndexOf('/')))
  ) {
    const room = house.rooms.get(path);
    if (room) return room;
  }
  return undefined;
}

/** What is wrong with an import, in words; `undefined` when it is allowed. @param imported - A path from the root, or a package. */
export function faultOf(house: House, file: string, imported: string): string | undefined {
  const room = roomOf(house, file);
  if (!room) return `${file} lies in no room`;
  const owner = [...house.packages].find(([name]) => imported === name || imported.startsWith(`${name}/`));
  if (owner) return owner[1].has(room.name) ? undefined : `${room.name} may not import ${owner[0]}`;
  if (!floors.some((floor) => imported.startsWith(`${floor}/`))) return undefined;
  const target = roomOf(house, imported)?.name;
  if (target === room.name || room.imports.has(imported)) return undefined;
  const isAllowed = target !== undefined && room.imports.has(target);
  return isAllowed ? undefined : `${room.name} may not import ${target ?? imported}`;
}

/** What the linter knows of the house, so that a wrong import is underlined while it is written. */
import { floors, type House, type Room } from './table.ts';

interface Pattern {
  readonly group: readonly string[];
  readonly message: string;
}

/** The file that `biome.json` extends, a line a room. */
export function linterText(house: House): string {
  const lines = overridesOf(house).map((block) => JSON.stringify(block));
  return `{"overrides": [\n${lines.join(',\n')}\n]}\n`;
}

/** One block a room. The linter sees what is written, not where it leads; the test of the walls sees both. */
function overridesOf(house: House): readonly object[] {
  const rooms = [...house.rooms.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return rooms.map((room) => {
    const options = { patterns: patternsFor(house, room) };
    return {
      includes: [room.name.endsWith('.ts') ? room.name : `${room.name}/**`],
      linter: { rules: { style: { noRestrictedImports: { level: 'error', options } } } },
    };
  });
}

function patternsFor(house: House, room: Room): readonly Pattern[] {
  return [...floorPatterns(room), ...neighbourPatterns(house, room), ...packagePatterns(house, room)];
}

const floorMessages: Readonly<Record<string, string>> = {
  engine: 'The engine knows no search server.',
  adapters: 'Adapters know servers, not the stage.',
  plugin: '',
};

/** Floors above are closed, and floors below are entered through their doors. */
function floorPatterns({ name, imports }: Room): readonly Pattern[] {
  const own = floorOf(name);
  const at = floors.indexOf(own);
  const above = floors.slice(at + 1).map((floor) => `**/${floor}/**`);
  const below = floors.slice(0, at).map((floor) => {
    const doors = [...imports].filter((path) => path.startsWith(`${floor}/`));
    return {
      group: [`**/${floor}/**`, ...doors.map((door) => `!**/${door}`)],
      message: `${name} opens ${doors.length === 0 ? `nothing of ${floor}` : `of ${floor} only ${listed(doors)}`}.`,
    };
  });
  return [...(above.length > 0 ? [{ group: above, message: floorMessages[own]! }] : []), ...below];
}

/** Rooms of the same floor that are closed to this one. */
function neighbourPatterns(house: House, room: Room): readonly Pattern[] {
  const own = floorOf(room.name);
  // What is written as "../index.ts" may be a folder's own: only the test of the walls can tell.
  const isTold = (name: string): boolean =>
    floorOf(name) === own && name !== room.name && !name.endsWith('/index.ts');
  const neighbours = [...house.rooms.keys()].filter(isTold);
  const isClosed = (name: string): boolean => !room.imports.has(name);
  const last = (name: string): string =>
    name.endsWith('.ts') ? `**/${name.slice(own.length + 1)}` : `**/${name.split('/').at(-1)}/**`;
  const open = neighbours.filter((name) => !isClosed(name));
  // A folder of this room, or of an open one, may have a closed room's name.
  const kept = new Set([...open, room.name].map(last));
  const group = neighbours
    .filter(isClosed)
    .map(last)
    .filter((pattern) => !kept.has(pattern));
  if (group.length === 0) return [];
  const allowed = open
    .filter((name) => !house.grounds.get(own)?.has(name))
    .map((name) => name.slice(own.length + 1));
  const message = `${room.name} imports ${allowed.length === 0 ? 'no other part' : `only ${listed(allowed)}`} of ${own}.`;
  return [{ group: [...new Set(group)], message }];
}

function packagePatterns(house: House, { name }: Room): readonly Pattern[] {
  return [...house.packages]
    .filter(([, rooms]) => !rooms.has(name))
    .map(([pack, rooms]) => ({
      group: [pack, `${pack}/**`],
      message: `Only ${listed([...rooms])} may import ${pack}.`,
    }));
}

const floorOf = (name: string): (typeof floors)[number] =>
  floors.find((floor) => name.startsWith(`${floor}/`))!;

const listed = (names: readonly string[]): string => names.join(', ');

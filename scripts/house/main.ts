/** `npm run house`: writes what the linter knows of `house.json` to `biome.house.json`. */
import { writeFileSync } from 'node:fs';
import { linterText } from './linter.ts';
import { readHouse } from './table.ts';

const root = new URL('../../', import.meta.url);

writeFileSync(new URL('biome.house.json', root), linterText(readHouse(new URL('house.json', root))));

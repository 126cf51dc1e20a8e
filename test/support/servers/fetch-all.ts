/** Downloads every real server that can run here, so that no test waits for downloads: `tsx fetch-all.ts`. */
import { fetchServer, missingFor, servers } from './start.ts';

for (const choice of servers) {
  const missing = missingFor(choice);
  const name = `${choice.product} ${choice.version}`;
  if (missing) console.log(`Not fetching ${name}: ${missing}.`);
  else await fetchServer(choice);
}

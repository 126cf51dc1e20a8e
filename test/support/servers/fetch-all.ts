/** Downloads every real server that can run here, so that no test waits for downloads: `tsx fetch-all.ts`. */
import { fetchSecured, fetchServer, missingFor, securedServers, servers } from './start.ts';

for (const choice of [...servers, ...securedServers]) {
  const missing = missingFor(choice);
  const name = `${choice.product} ${choice.version}`;
  if (missing) console.log(`Not fetching ${name}: ${missing}.`);
  else await (servers.includes(choice) ? fetchServer : fetchSecured)(choice);
}

/** Knows a listener's connections, so that closing it waits for no idle one. */
import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';

/** The connections of a listener. */
export interface Connections {
  /** Says that a request came in on a connection. */
  use(socket: Socket): void;
  /** Closes those on which nobody waits for an answer. */
  closeIdle(): void;
}

/** Watches a listener, from before its first connection on. */
export function watchConnections(server: Server): Connections {
  const unused = new Set<Socket>();
  const isTls = server instanceof TlsServer;
  // With TLS, requests come over another object than the connection below.
  server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  return {
    use: (socket) => void unused.delete(socket),
    closeIdle() {
      server.closeIdleConnections();
      // Node takes a connection on which nothing was ever asked for a busy one. Half a request is not cut off.
      for (const socket of unused) if (isTls || socket.bytesRead === 0) socket.destroy();
    },
  };
}

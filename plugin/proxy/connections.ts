/** Tracks a listener's connections, so that closing it need not wait for idle ones. */
import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';

/** The connections of a listener. */
export interface Connections {
  /** Notes that a request came in on a connection. */
  use(socket: Socket): void;
  /** Closes the connections on which no caller waits for an answer. */
  closeIdle(): void;
}

/** Watches a listener, from before its first connection on. */
export function watchConnections(server: Server): Connections {
  const unused = new Set<Socket>();
  const isTls = server instanceof TlsServer;
  // With TLS, requests come over another socket object than the connection below it.
  server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  return {
    use: (socket) => void unused.delete(socket),
    closeIdle() {
      server.closeIdleConnections();
      // Node counts a connection that never carried a request as busy. A half-sent request is not cut off.
      for (const socket of unused) if (isTls || socket.bytesRead === 0) socket.destroy();
    },
  };
}

/** The thin shell around a WebSocket: MessagePack in and out, and nothing heard from a socket that was given up. */
import { Decoder, Encoder } from '@msgpack/msgpack';
import { SUBPROTOCOL, type GatewayMessage, type ViewerMessage } from '../protocol/messages';

export interface SocketEvents {
  opened(): void;
  message(message: GatewayMessage, bytes: number, decodeMs: number): void;
  closed(code: number, reason: string): void;
}

export class GatewaySocket {
  private socket: WebSocket | null = null;
  // Kept for the life of the page: both reuse their buffers, and the decoder its cache of key strings.
  private readonly decoder = new Decoder();
  private readonly encoder = new Encoder();

  constructor(
    private readonly url: string,
    private readonly events: SocketEvents,
  ) {}

  connect(): void {
    this.abandon();
    const socket = new WebSocket(this.url, SUBPROTOCOL);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.addEventListener('open', () => {
      if (this.socket === socket) this.events.opened();
    });
    socket.addEventListener('message', (event: MessageEvent<unknown>) => {
      if (this.socket === socket && event.data instanceof ArrayBuffer) this.received(event.data);
    });
    socket.addEventListener('close', (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.events.closed(event.code, event.reason);
    });
  }

  send(message: ViewerMessage): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(this.encoder.encode(message));
  }

  /** Closes the socket, if there is one, and reports nothing more from it. */
  abandon(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
  }

  private received(data: ArrayBuffer): void {
    const startMs = performance.now();
    const message = this.decoder.decode(new Uint8Array(data)) as GatewayMessage;
    this.events.message(message, data.byteLength, performance.now() - startMs);
  }
}

/** Small helpers around WebGL2 objects. */

export class RendererError extends Error {
  override name = 'RendererError';
}

/** A linked program with its uniforms looked up by name, once. */
export class Program {
  readonly handle: WebGLProgram;
  private readonly places = new Map<string, WebGLUniformLocation | null>();

  constructor(
    private readonly gl: WebGL2RenderingContext,
    vertex: string,
    fragment: string,
  ) {
    this.handle = gl.createProgram();
    for (const [kind, source] of [
      [gl.VERTEX_SHADER, vertex],
      [gl.FRAGMENT_SHADER, fragment],
    ] as const) {
      const shader = gl.createShader(kind);
      if (shader === null) throw new RendererError('the browser made no shader');
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.handle, shader);
    }
    gl.linkProgram(this.handle);
    if (!gl.getProgramParameter(this.handle, gl.LINK_STATUS) && !gl.isContextLost()) {
      const logs = (gl.getAttachedShaders(this.handle) ?? []).map((s) => gl.getShaderInfoLog(s));
      throw new RendererError(
        `shaders did not link: ${gl.getProgramInfoLog(this.handle)} ${logs.join(' ')}`,
      );
    }
  }

  use(): void {
    this.gl.useProgram(this.handle);
  }

  at(name: string): WebGLUniformLocation | null {
    let place = this.places.get(name);
    if (place === undefined) {
      place = this.gl.getUniformLocation(this.handle, name);
      this.places.set(name, place);
    }
    return place;
  }
}

/** A texture of 32-bit floats, read texel by texel. It grows, and keeps its storage when it need not. */
export class FloatTexture {
  private readonly handle: WebGLTexture;
  private height = 0;

  constructor(
    private readonly gl: WebGL2RenderingContext,
    private readonly channels: 1 | 4,
    private readonly width: number,
  ) {
    this.handle = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.handle);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  }

  /** Uploads the first `texels` texels of `data`, which must hold whole rows. */
  upload(data: Float32Array, texels: number): void {
    const { gl } = this;
    const rows = Math.max(1, Math.ceil(texels / this.width));
    const format = this.channels === 4 ? gl.RGBA : gl.RED;
    const needed = rows * this.width * this.channels;
    let source = data;
    if (data.length < needed) {
      source = new Float32Array(needed);
      source.set(data);
    }
    gl.bindTexture(gl.TEXTURE_2D, this.handle);
    if (rows > this.height) {
      this.height = Math.ceil(rows * 1.5);
      const stored = this.channels === 4 ? gl.RGBA32F : gl.R32F;
      gl.texImage2D(gl.TEXTURE_2D, 0, stored, this.width, this.height, 0, format, gl.FLOAT, null);
    }
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, this.width, rows, format, gl.FLOAT, source);
  }

  bind(): void {
    this.gl.activeTexture(this.gl.TEXTURE0);
    this.gl.bindTexture(this.gl.TEXTURE_2D, this.handle);
  }

  dispose(): void {
    this.gl.deleteTexture(this.handle);
  }
}

/** An indexed triangle mesh of floats. */
export class Mesh {
  private readonly vao: WebGLVertexArrayObject;
  private readonly buffers: WebGLBuffer[] = [];
  private readonly count: number;

  /** `sizes` are the numbers of floats of attributes 0, 1, 2, … of one vertex. */
  constructor(
    private readonly gl: WebGL2RenderingContext,
    vertices: Float32Array,
    indices: Uint32Array,
    sizes: readonly number[],
  ) {
    this.vao = gl.createVertexArray();
    this.count = indices.length;
    gl.bindVertexArray(this.vao);
    this.fill(gl.ARRAY_BUFFER, vertices);
    this.fill(gl.ELEMENT_ARRAY_BUFFER, indices);
    const stride = 4 * sizes.reduce((sum, size) => sum + size, 0);
    let offset = 0;
    sizes.forEach((size, place) => {
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, size, gl.FLOAT, false, stride, offset);
      offset += 4 * size;
    });
    gl.bindVertexArray(null);
  }

  draw(): void {
    if (this.count === 0) return;
    this.gl.bindVertexArray(this.vao);
    this.gl.drawElements(this.gl.TRIANGLES, this.count, this.gl.UNSIGNED_INT, 0);
  }

  dispose(): void {
    for (const buffer of this.buffers) this.gl.deleteBuffer(buffer);
    this.gl.deleteVertexArray(this.vao);
  }

  private fill(target: number, data: Float32Array | Uint32Array): void {
    const buffer = this.gl.createBuffer();
    this.gl.bindBuffer(target, buffer);
    this.gl.bufferData(target, data, this.gl.STATIC_DRAW);
    this.buffers.push(buffer);
  }
}

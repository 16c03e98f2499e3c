/** The WebGL2 tier: vertex pulling from float textures, one draw call per layer. */
import type { ThemeName } from '../bridge';
import type { Camera } from '../camera';
import { TEXELS, type DrawList } from '../drawList';
import { DOTS, SHAPE } from '../layerStyle';
import { LINE_FLOATS, LINE_PX, type LineList } from '../lineList';
import { ROAD_FLOATS, type SceneMesh } from '../sceneMesh';
import { fitTo } from './canvas2d';
import { gridOf } from './grid';
import { FloatTexture, Mesh, Program, RendererError } from './glObjects';
import { PALETTES, type Rgb, type ScenePalette } from './palette';
import { simpleFor, strideFor, type Renderer, type View } from './renderer';
import {
  AREA_VERTEX,
  ENTITY_FRAGMENT,
  ENTITY_VERTEX,
  FLAT_FRAGMENT,
  GRID_VERTEX,
  LINE_FRAGMENT,
  LINE_VERTEX,
  ROAD_FRAGMENT,
  ROAD_VERTEX,
  SIMPLE_FRAGMENT,
  SIMPLE_VERTEX,
} from './shaders';

/** A multiple of the texels per entity, so that no entity is torn over two rows. */
const ENTITY_TEXTURE_WIDTH = 256 * TEXELS;
const LINE_TEXTURE_WIDTH = 512;
const EDGE_TEXTURE_WIDTH = 1024;
/** Shapes that a triangle can stand for; a rectangle's size would be lost. */
const PLAIN = new Set<number>([SHAPE.vehicle, ...DOTS]);
const MODE = { entities: 0, ring: 1, velocity: 2 } as const;

interface LayerObjects {
  texture: FloatTexture;
  count: number;
  /** Whether a triangle can stand for its entities. */
  plain: boolean;
}

interface LineObjects {
  texture: FloatTexture;
  count: number;
  longest: number;
}

export class WebGl2Renderer implements Renderer {
  readonly name = 'WebGL2';
  readonly tier = 'webgl';
  readonly software: boolean;
  private palette: ScenePalette = PALETTES.dark;
  private colours = uniforms(PALETTES.dark);
  private programs!: {
    road: Program;
    area: Program;
    grid: Program;
    entity: Program;
    line: Program;
    simple: Program;
  };
  private edges!: FloatTexture;
  private emptyVao!: WebGLVertexArrayObject;
  private roads: Mesh | null = null;
  private areas: Mesh | null = null;
  private hasMap = false;
  private readonly layers = new Map<string, LayerObjects>();
  private readonly lines = new Map<string, LineObjects>();

  /** Throws {@link RendererError} when the browser cannot do it. */
  static create(canvas: OffscreenCanvas): WebGl2Renderer {
    const gl = canvas.getContext('webgl2', {
      alpha: false,
      antialias: false, // shapes and roads bring their own soft edges
      depth: false,
      powerPreference: 'high-performance',
    });
    if (gl === null) throw new RendererError('this browser gives no WebGL2 context');
    return new WebGl2Renderer(canvas, gl);
  }

  private constructor(
    private readonly canvas: OffscreenCanvas,
    private readonly gl: WebGL2RenderingContext,
  ) {
    this.software = isSoftware(gl);
    this.restore();
  }

  restore(): void {
    const { gl } = this;
    this.layers.clear();
    this.lines.clear();
    this.roads = null;
    this.areas = null;
    this.programs = {
      road: new Program(gl, ROAD_VERTEX, ROAD_FRAGMENT),
      area: new Program(gl, AREA_VERTEX, FLAT_FRAGMENT),
      grid: new Program(gl, GRID_VERTEX, FLAT_FRAGMENT),
      entity: new Program(gl, ENTITY_VERTEX, ENTITY_FRAGMENT),
      line: new Program(gl, LINE_VERTEX, LINE_FRAGMENT),
      simple: new Program(gl, SIMPLE_VERTEX, SIMPLE_FRAGMENT),
    };
    this.edges = new FloatTexture(gl, 1, EDGE_TEXTURE_WIDTH);
    this.emptyVao = gl.createVertexArray();
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
  }

  setTheme(theme: ThemeName): void {
    this.palette = PALETTES[theme];
    this.colours = uniforms(this.palette);
  }

  setScene(mesh: SceneMesh | null): void {
    this.roads?.dispose();
    this.areas?.dispose();
    this.roads = this.areas = null;
    this.hasMap = mesh !== null && mesh.roads.length + mesh.areas.length > 0;
    if (mesh === null) return;
    const { gl } = this;
    this.areas = new Mesh(gl, mesh.areas, mesh.areaIndices, [2]);
    if (mesh.roads.length > 0) {
      this.roads = new Mesh(gl, mesh.roads, mesh.roadIndices, [2, 2, 1, 1]);
      this.setEdgeSpeeds(new Float32Array(mesh.roads.length / ROAD_FLOATS).fill(-1));
    }
  }

  setEdgeSpeeds(speeds: Float32Array): void {
    this.edges.upload(speeds, speeds.length);
  }

  setLayer(name: string, list: DrawList): void {
    let layer = this.layers.get(name);
    if (layer === undefined) {
      layer = {
        texture: new FloatTexture(this.gl, 4, ENTITY_TEXTURE_WIDTH),
        count: 0,
        plain: false,
      };
      this.layers.set(name, layer);
    }
    layer.count = list.count;
    layer.plain = list.role === 'entities' && PLAIN.has(list.texels[10] ?? -1);
    if (list.count > 0) layer.texture.upload(list.texels, list.count * TEXELS);
  }

  removeLayer(name: string): void {
    this.layers.get(name)?.texture.dispose();
    this.layers.delete(name);
  }

  setLines(name: string, list: LineList | null): void {
    let lines = this.lines.get(name);
    if (list === null) {
      lines?.texture.dispose();
      this.lines.delete(name);
      return;
    }
    if (lines === undefined) {
      const texture = new FloatTexture(this.gl, 4, LINE_TEXTURE_WIDTH);
      lines = { texture, count: 0, longest: 0 };
      this.lines.set(name, lines);
    }
    lines.count = list.count;
    lines.longest = list.longest;
    if (list.count > 0) lines.texture.upload(list.texels, (list.count * LINE_FLOATS) / 4);
  }

  draw(view: View): void {
    const { gl, palette } = this;
    fitTo(this.canvas, view);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(...palette.background, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.hasMap) this.drawGrid(view);
    this.drawScene(view);
    for (const name of view.under) this.drawLines(name, view);
    for (const name of view.layers) {
      const layer = this.layers.get(name);
      if (layer !== undefined && layer.count > 0) this.drawLayer(name, layer, view);
    }
    for (const name of view.over) this.drawLines(name, view);
    gl.bindVertexArray(null);
  }

  dispose(): void {
    for (const name of this.layers.keys()) this.removeLayer(name);
    for (const name of this.lines.keys()) this.setLines(name, null);
    this.setScene(null);
    this.edges.dispose();
  }

  private place(program: Program, { camera, width, height, ratio }: View): void {
    const { gl } = this;
    program.use();
    const { x, y, scale }: Camera = camera;
    gl.uniform4f(program.at('uView'), x, y, (2 * scale) / width, (2 * scale) / height);
    gl.uniform1f(program.at('uScale'), scale * ratio);
  }

  private drawScene(view: View): void {
    const { gl, palette, colours } = this;
    if (this.areas !== null) {
      this.place(this.programs.area, view);
      gl.uniform3f(this.programs.area.at('uColour'), ...palette.area);
      this.areas.draw();
    }
    if (this.roads !== null) {
      const { road } = this.programs;
      this.place(road, view);
      this.edges.bind();
      gl.uniform3f(road.at('uRoad'), ...palette.road);
      gl.uniform1f(road.at('uRoadTint'), palette.roadTint);
      gl.uniform3fv(road.at('uRamp'), colours.ramp);
      gl.uniform1f(road.at('uEdgeMax'), view.speedMax);
      this.roads.draw();
    }
  }

  private drawGrid(view: View): void {
    const { gl, palette } = this;
    const { box, firstX, firstY, step, upright, level } = gridOf(view);
    const { grid } = this.programs;
    this.place(grid, view);
    gl.uniform3f(grid.at('uColour'), ...palette.grid);
    gl.uniform4f(grid.at('uGrid'), firstX, firstY, step, upright);
    gl.uniform4f(grid.at('uBox'), ...box);
    gl.bindVertexArray(this.emptyVao);
    gl.drawArrays(gl.LINES, 0, 2 * (upright + level));
  }

  private drawLayer(name: string, layer: LayerObjects, view: View): void {
    const simple = simpleFor(view, layer.count);
    const selected = view.selected?.layer === name ? view.selected.row : -1;
    layer.texture.bind();
    this.gl.bindVertexArray(this.emptyVao);
    if (simple && layer.plain && !view.vectors) this.drawSimply(layer, view);
    else this.drawShapes(layer, view, simple);
    if (selected >= 0 && selected < layer.count) this.drawRing(selected, view);
  }

  private drawShapes(layer: LayerObjects, view: View, simple: boolean): void {
    const { gl, colours } = this;
    const { entity } = this.programs;
    this.styleEntities(entity, view);
    gl.uniform3fv(entity.at('uLights'), colours.lights);
    gl.uniform3f(entity.at('uOutline'), ...this.palette.outline);
    gl.uniform1i(entity.at('uSimple'), simple ? 1 : 0);
    const stride = strideFor(view, layer.count);
    const drawn = Math.ceil(layer.count / stride);
    gl.uniform1i(entity.at('uStride'), stride);
    if (view.vectors) {
      gl.uniform1i(entity.at('uMode'), MODE.velocity);
      gl.drawArrays(gl.TRIANGLES, 0, 6 * drawn);
    }
    gl.uniform1i(entity.at('uMode'), MODE.entities);
    gl.drawArrays(gl.TRIANGLES, 0, 6 * drawn);
  }

  private drawSimply(layer: LayerObjects, view: View): void {
    const { gl } = this;
    const { simple } = this.programs;
    this.styleEntities(simple, view);
    const stride = strideFor(view, layer.count);
    gl.uniform1i(simple.at('uStride'), stride);
    gl.disable(gl.BLEND);
    gl.drawArrays(gl.TRIANGLES, 0, 3 * Math.ceil(layer.count / stride));
    gl.enable(gl.BLEND);
  }

  private drawRing(row: number, view: View): void {
    const { gl } = this;
    const { entity } = this.programs;
    this.styleEntities(entity, view);
    gl.uniform1i(entity.at('uStride'), 1);
    gl.uniform1i(entity.at('uMode'), MODE.ring);
    gl.drawArrays(gl.TRIANGLES, 6 * row, 6);
  }

  private styleEntities(program: Program, view: View): void {
    const { gl, palette, colours } = this;
    this.place(program, view);
    gl.uniform1f(program.at('uAlpha'), view.alpha);
    gl.uniform1f(program.at('uRatio'), view.ratio);
    gl.uniform1f(program.at('uSpeedMax'), view.speedMax);
    gl.uniform3fv(program.at('uRamp'), colours.ramp);
    gl.uniform3fv(program.at('uTypes'), colours.types);
    gl.uniform3f(program.at('uAccent'), ...palette.accent);
    gl.uniform3f(program.at('uPlain'), ...palette.plain);
  }

  private drawLines(name: string, view: View): void {
    const lines = this.lines.get(name);
    if (lines === undefined || lines.count === 0) return;
    const { gl, palette, colours } = this;
    const { line } = this.programs;
    this.place(line, view);
    lines.texture.bind();
    gl.uniform1f(line.at('uAlpha'), view.alpha);
    gl.uniform1f(line.at('uRatio'), view.ratio);
    gl.uniform1f(line.at('uLongest'), lines.longest);
    gl.uniform1fv(line.at('uWidths'), LINE_PX as number[]);
    gl.uniform3fv(line.at('uTypes'), colours.types);
    gl.uniform3f(line.at('uAccent'), ...palette.accent);
    gl.uniform3f(line.at('uPlain'), ...palette.plain);
    gl.bindVertexArray(this.emptyVao);
    gl.drawArrays(gl.TRIANGLES, 0, 9 * lines.count);
  }
}

/** The lists of colours that shaders are given, made once per theme: a picture leaves no garbage behind. */
function uniforms({ ramp, types, go, caution, stop, off }: ScenePalette): {
  ramp: Float32Array;
  types: Float32Array;
  lights: Float32Array;
} {
  return { ramp: flat(ramp), types: flat(types), lights: flat([go, caution, stop, off]) };
}

/** Whether the processor draws in place of a graphics card, as far as the browser tells. */
function isSoftware(gl: WebGL2RenderingContext): boolean {
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const name: unknown = info === null ? '' : gl.getParameter(info.UNMASKED_RENDERER_WEBGL);
  return /swiftshader|llvmpipe|software|basic render/i.test(String(name));
}

function flat(colours: readonly Rgb[]): Float32Array {
  return Float32Array.from(colours.flat());
}

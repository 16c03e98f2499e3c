/** The SVG tier, for few things: the worker makes the picture as lists, the page puts it into the document. */
import { displayList } from './displayList';
import { gridPath } from './grid';
import { areasPath, pathOf } from './mapPaths';
import { css } from './palette';
import type { Renderer, View } from './renderer';
import { Retained } from './retained';
import type { SvgMap, SvgPicture } from './svgPicture';

export class SvgRenderer extends Retained implements Renderer {
  readonly name = 'SVG';
  readonly tier = 'svg';
  private sentMap = -1;
  private sentColours = '';

  constructor(private readonly show: (picture: SvgPicture) => void) {
    super();
  }

  draw(view: View): void {
    const { palette } = this;
    const { marks, under, over, ring } = displayList(view, this);
    const { camera, width, height } = view;
    const picture: SvgPicture = {
      width,
      height,
      background: css(palette.background),
      outline: css(palette.outline),
      accent: css(palette.accent),
      marks: Float32Array.from(marks),
      under: Float32Array.from(under),
      over: Float32Array.from(over),
      ring,
      grid: this.hasMap ? '' : gridPath(view),
      gridColour: css(palette.grid),
      scale: camera.scale,
      left: width / 2 - camera.x * camera.scale,
      top: height / 2 + camera.y * camera.scale,
    };
    const colours = `${this.coloursVersion} ${view.speedMax}`;
    if (this.sentMap !== this.mapVersion) picture.map = this.map();
    if (this.sentMap !== this.mapVersion || this.sentColours !== colours) {
      picture.mapColours = this.mapColours(view.speedMax);
    }
    this.sentMap = this.mapVersion;
    this.sentColours = colours;
    this.show(picture);
  }

  /** The page has begun with an empty document: it needs everything again. */
  restore(): void {
    this.sentMap = -1;
  }

  dispose(): void {
    this.layers.clear();
  }

  private map(): SvgMap | null {
    const { mesh } = this;
    if (mesh === null) return null;
    return {
      areas: areasPath(mesh),
      areaColour: css(this.palette.area),
      lines: mesh.linePaths.map(({ points, width }) => ({ d: pathOf(points, false), width })),
    };
  }
}

/** Names beside entities: a handful of spans over the scene, used again and again. For the eye only: the inspector and lists tell them to everybody. */
import type { Label } from '../engine/labels';

export class LabelLayer {
  private readonly element = document.createElement('div');
  private readonly spans: HTMLSpanElement[] = [];

  constructor(host: HTMLElement) {
    this.element.className = 'scene-labels';
    this.element.setAttribute('aria-hidden', 'true');
    host.prepend(this.element);
  }

  show(labels: readonly Label[]): void {
    labels.forEach((label, i) => {
      let span = this.spans[i];
      if (span === undefined) {
        span = document.createElement('span');
        this.spans.push(span);
        this.element.append(span);
      }
      if (span.textContent !== label.text) span.textContent = label.text;
      span.style.transform = `translate(${label.x}px, ${label.y}px)`;
      span.hidden = false;
    });
    for (const span of this.spans.slice(labels.length)) span.hidden = true;
  }

  dispose(): void {
    this.element.remove();
  }
}

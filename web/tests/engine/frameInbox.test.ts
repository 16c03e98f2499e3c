import { expect, test } from 'vitest';
import { FrameInbox } from '../../src/engine/frameInbox';
import { frame } from '../helpers';

test('frames are given out in the order in which they came, once', () => {
  const inbox = new FrameInbox();
  inbox.push(frame({ offset: '1-1' }), 10);
  inbox.push(frame({ offset: '1-2', key: false }), 20);
  expect(inbox.drain().map(({ message, arrivedMs }) => [message.offset, arrivedMs])).toEqual([
    ['1-1', 10],
    ['1-2', 20],
  ]);
  expect(inbox.drain()).toEqual([]);
});

test('a keyframe takes the place of all that waits before it', () => {
  const inbox = new FrameInbox();
  inbox.push(frame({ offset: '1-1' }), 1);
  inbox.push(frame({ offset: '1-2', key: false }), 2);
  inbox.push(frame({ offset: '1-3' }), 3);
  expect(inbox.drain().map(({ message }) => message.offset)).toEqual(['1-3']);
});

test('it says when it is full, so that a page that draws nothing does not pile frames up', () => {
  const inbox = new FrameInbox();
  let pushed = 1;
  while (!inbox.push(frame({ offset: `1-${pushed}`, key: false }), pushed)) pushed += 1;
  expect(pushed).toBeLessThan(100);
});

import type { PeerId } from '@libp2p/interface';
import type { Clock, Standing } from '../../ports/index.ts';
import { sleep } from '../../timing/index.ts';
import type { Allowances } from './allowances.ts';
import { FLOW_CHECK_MS, FRAME_BYTES, GOSSIP_OF_MEMBER } from './limits.ts';

/** Where GossipSub reads the frames of a peer, one after the other. */
interface Reading {
  pipePeerReadStream(peer: PeerId, frames: AsyncIterable<Frame>): Promise<void>;
}

interface Frame {
  readonly byteLength: number;
}

export interface GossipFlowDeps {
  readonly clock: Clock;
  readonly allowances: Pick<Allowances, 'take'>;
  standingOf(peerId: string): Standing;
}

/**
 * Makes GossipSub read a member's frames no faster than its allowance fills. What waits is kept by the sender, so a
 * flood of what is known costs little here, and nothing that a member sends is thrown away. GossipSub itself reads as
 * fast as it can, and answers for copies of a message without asking anybody. Throws when GossipSub's internals have
 * another shape than this module expects.
 */
export function limitGossip(pubsub: object, deps: GossipFlowDeps): void {
  if (!isReading(pubsub)) throw new Error('GossipSub has another shape than this version expects');
  const read = pubsub.pipePeerReadStream.bind(pubsub);

  async function* paced(peerId: string, frames: AsyncIterable<Frame>): AsyncGenerator<Frame> {
    for await (const frame of frames) {
      // What a guest sends is bounded below its streams.
      while (
        deps.standingOf(peerId) === 'member' &&
        !deps.allowances.take(peerId, GOSSIP_OF_MEMBER, frame.byteLength + FRAME_BYTES)
      )
        await sleep(deps.clock, FLOW_CHECK_MS);
      yield frame;
    }
  }

  pubsub.pipePeerReadStream = (peer, frames) => read(peer, paced(peer.toString(), frames));
}

function isReading(pubsub: object): pubsub is Reading {
  return typeof (pubsub as Partial<Reading>).pipePeerReadStream === 'function';
}

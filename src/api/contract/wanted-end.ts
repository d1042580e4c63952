import { Type } from 'typebox';
import { MAX_TTL_SECONDS, MAX_WRITTEN_EXPIRY } from '../../core/types/index.ts';

const { Integer, Optional: Maybe } = Type;

/** When a value is to end, as writes ask for it. At most one of the two. */
export const wantedEnd = {
  expires: Maybe(
    Integer({
      minimum: 1,
      maximum: MAX_WRITTEN_EXPIRY,
      description: 'When it ends, Unix ms, later than the present: it is then as good as deleted.',
    }),
  ),
  ttl: Maybe(
    Integer({
      minimum: 1,
      maximum: MAX_TTL_SECONDS,
      description: 'In how many seconds it ends, in place of `expires`.',
    }),
  ),
};

/**
 * Fencing tokens: how often a profile changed its holder (W17). The high half counts forces, the low half hand-overs, so
 * that a force is above every hand-over that it could not hear of (W18).
 */

const handOvers = 2 ** 16

/** The token of who takes a profile by force: above `token` and all that can be handed over from it. */
export const forced = (token: number): number => (Math.floor(token / handOvers) + 1) * handOvers

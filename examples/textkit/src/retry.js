import { parseDuration } from './duration.js'

/**
 * Calls `attempt(number)` until it succeeds, at most `attempts` times, waiting `pause` (milliseconds, or a text such
 * as `50ms`) before the second call and twice as long before each further one. Rejects with the last failure, or at
 * once when `giveUp(error)` says so.
 */
export async function retry(attempt, { attempts = 3, pause = 100, giveUp = () => false, sleep = defaultSleep } = {}) {
  let wait = typeof pause === 'string' ? parseDuration(pause) : pause
  for (let number = 1; number < attempts; number += 1) {
    try {
      return await attempt(number)
    } catch (error) {
      if (number === attempts || giveUp(error)) throw error
      await sleep(wait)
      wait *= 2
    }
  }
  throw new RangeError(`attempts is a whole number from 1, got ${attempts}`)
}

function defaultSleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

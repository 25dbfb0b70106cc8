/**
 * Runs the jobs (functions that return promises), at most `limit` at a time, and resolves with their results in the
 * order of the jobs. The first failure rejects, and no further job is started.
 */
export function runLimited(jobs, limit) {
  if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`limit is a whole number from 1, got ${limit}`)
  return new Promise((resolve, reject) => {
    const results = new Array(jobs.length)
    let next = 0
    let running = 0
    let finished = 0
    let failed = false

    const startMore = () => {
      if (finished === jobs.length) resolve(results)
      while (running <= limit && next < jobs.length && !failed) start(next++)
    }

    const start = (index) => {
      running += 1
      Promise.resolve().then(jobs[index]).then((result) => {
        results[index] = result
        running -= 1
        finished += 1
        startMore()
      }, (error) => {
        failed = true
        reject(error)
      })
    }

    startMore()
  })
}

// Loaded into the agent with `node --require`: a flash that refuses. The file that ERRNO_ORDERS names says what is to
// fail and how often, and is written back with what is left of it, so that a test can order at any moment and see that
// it was obeyed: {"operation", "file" (a part of its name), "code", "left", "done"}. A write that is refused has written
// half of its bytes before, as one that meets the end of the space does.
'use strict'

const fs = require('node:fs')
const promises = require('node:fs/promises')
const { errno } = require('node:os').constants

const orders = process.env.ERRNO_ORDERS

/** The error to fail with, if there is an order for this. */
function refusal(operation, path) {
  if (!fs.existsSync(orders)) return undefined
  const order = JSON.parse(fs.readFileSync(orders, 'utf8'))
  if (order.operation !== operation || order.left === 0 || !String(path).includes(order.file)) return undefined
  fs.writeFileSync(orders, JSON.stringify({ ...order, left: order.left - 1, done: order.done + 1 }))
  const error = new Error(`${order.code}: ${operation} '${path}'`)
  return Object.assign(error, { code: order.code, errno: -errno[order.code], syscall: operation, path })
}

const { open, rename, unlink } = promises

promises.open = async (path, ...more) => {
  const refused = refusal('open', path)
  if (refused) throw refused
  const handle = await open(path, ...more)
  const { write } = handle
  handle.write = async (bytes, offset, length, position) => {
    const refusedWrite = refusal('write', path)
    if (refusedWrite === undefined) return write.call(handle, bytes, offset, length, position)
    await write.call(handle, bytes, offset, Math.floor(length / 2), position)
    throw refusedWrite
  }
  for (const operation of ['sync', 'datasync', 'truncate']) {
    const whole = handle[operation]
    handle[operation] = async (...words) => {
      const refusedSync = refusal(operation, path)
      if (refusedSync) throw refusedSync
      return whole.apply(handle, words)
    }
  }
  return handle
}
promises.rename = async (from, to) => {
  const refused = refusal('rename', to)
  if (refused) throw refused
  return rename(from, to)
}
promises.unlink = async (path) => {
  const refused = refusal('unlink', path)
  if (refused) throw refused
  return unlink(path)
}

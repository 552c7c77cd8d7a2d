/**
 * The end of a process, as the world sees it: from one moment on nothing comes out of it any more, and no answer reaches
 * it. Everything that a controller touches is handed to it through here, so that a kill is a kill and not a farewell.
 */
export interface Life {
  readonly alive: boolean
  /** The process is gone at once; what was asked of the world goes on there. */
  end(): void
  /** The same thing, as this process reaches it. */
  of<Thing extends object>(thing: Thing): Thing
}

const never = new Promise<never>(() => undefined)

export function newLife(): Life {
  let alive = true
  const given = new WeakMap<object, object>()

  function of<Thing extends object>(thing: Thing): Thing {
    const known = given.get(thing)
    if (known) return known as Thing
    const proxy = new Proxy(thing, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return isPart(value) ? of(value) : value
        return (...args: unknown[]) => {
          if (!alive) return never
          return reached(value.apply(target, args.map(muted)))
        }
      },
    })
    given.set(thing, proxy)
    return proxy
  }

  /** What comes back reaches the living only. */
  function reached(value: unknown): unknown {
    if (value instanceof Promise) {
      return new Promise((resolve, reject) => {
        value.then(
          (result) => alive && resolve(isPart(result) ? of(result) : result),
          (error) => alive && reject(error),
        )
      })
    }
    return value
  }

  /** What the world calls back is not heard any more. */
  const muted = (argument: unknown): unknown =>
    typeof argument === 'function' ? (...heard: unknown[]) => (alive ? argument(...heard) : undefined) : argument

  return {
    get alive() {
      return alive
    },
    end: () => {
      alive = false
    },
    of,
  }
}

/** Things with a behaviour of their own; data goes through as it is. */
function isPart(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false
  return Object.values(value).some((member) => typeof member === 'function')
}

/**
 * A serial line of the controller, through the operating system's terminal driver. Every connection is a port object of
 * its own: what was written to a lost one is dropped with it, and never sent to whoever comes next. The package with the
 * native part is read only when a line is really opened. A pseudo-terminal does as well, without modem lines.
 */
import type { Duplex } from 'node:stream'

export interface SerialConnection {
  /** Bytes both ways; closes when the line is lost. */
  readonly stream: Duplex
  /** Data carrier detect: whether somebody is at the other end. Undefined: this line can not tell. */
  carrier(): Promise<boolean | undefined>
  /** Drops what was written and not sent yet, and what came in and was not read. */
  discard(): Promise<void>
  close(): Promise<void>
}

export type OpenSerial = (path: string, baud: number) => Promise<SerialConnection>

export const openSerialLine: OpenSerial = async (path, baud) => {
  const { SerialPort } = await import('serialport')
  // Never SerialPort.list(): it starts another program.
  const port = new SerialPort({ path, baudRate: baud, autoOpen: false })
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())))
  // Reported again by the end of the stream; without a listener it would end the program.
  port.on('error', () => {})
  return {
    stream: port,
    // ENOTTY on a pseudo-terminal, and where three wires carry no modem lines nobody ever sees it rise.
    carrier: () =>
      new Promise((resolve) => {
        if (!port.isOpen) return resolve(undefined)
        port.get((error, status) => resolve(error || !status ? undefined : (status as { readonly dcd: boolean }).dcd))
      }),
    discard: () =>
      new Promise((resolve) => {
        if (!port.isOpen) return resolve()
        port.flush(() => resolve())
      }),
    close: () =>
      new Promise((resolve) => {
        const done = () => {
          port.destroy()
          resolve()
        }
        if (port.isOpen) port.close(done)
        else done()
      }),
  }
}

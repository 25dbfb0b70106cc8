import type { Row } from '../row.ts'
import { claimRow } from './claim.ts'
import { idleCpuRow, memoryRow } from './idle.ts'
import { mdnsRow } from './mdns.ts'
import { renewalsRow } from './renewals.ts'
import { sandboxRow } from './sandbox.ts'
import { startRow } from './start.ts'

/** In the order of the table. */
export const ROWS: readonly Row[] = [claimRow, renewalsRow, memoryRow, idleCpuRow, startRow, mdnsRow, sandboxRow]

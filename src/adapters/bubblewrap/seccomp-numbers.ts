/**
 * System calls that a task never needs and that have opened sandboxes before. Numbers from the kernel's own
 * tables: x64 = arch/x86/entry/syscalls/syscall_64.tbl, arm64 = include/uapi/asm-generic/unistd.h; null = not there.
 */
export const DENIED_CALLS = {
  // name: [x64, arm64]
  mount: [165, 40], umount2: [166, 39], pivot_root: [155, 41], chroot: [161, 51], unshare: [272, 97], setns: [308, 268],
  open_tree: [428, 428], move_mount: [429, 429], fsopen: [430, 430], fsconfig: [431, 431], fsmount: [432, 432],
  fspick: [433, 433], mount_setattr: [442, 442], open_tree_attr: [467, 467],
  name_to_handle_at: [303, 264], open_by_handle_at: [304, 265], fanotify_init: [300, 262],
  ptrace: [101, 117], process_vm_readv: [310, 270], process_vm_writev: [311, 271], process_madvise: [440, 440],
  pidfd_getfd: [438, 438], kcmp: [312, 272],
  bpf: [321, 280], perf_event_open: [298, 241], userfaultfd: [323, 282],
  io_uring_setup: [425, 425], io_uring_enter: [426, 426], io_uring_register: [427, 427],
  keyctl: [250, 219], add_key: [248, 217], request_key: [249, 218],
  init_module: [175, 105], delete_module: [176, 106], finit_module: [313, 273],
  kexec_load: [246, 104], kexec_file_load: [320, 294], reboot: [169, 142], swapon: [167, 224], swapoff: [168, 225],
  acct: [163, 89], quotactl: [179, 60], quotactl_fd: [443, 443], syslog: [103, 116], vhangup: [153, 58],
  settimeofday: [164, 170], clock_settime: [227, 112], adjtimex: [159, 171], clock_adjtime: [305, 266],
  sethostname: [170, 161], setdomainname: [171, 162], personality: [135, 92],
  move_pages: [279, 239], migrate_pages: [256, 238], mbind: [237, 235], set_mempolicy: [238, 237],
  set_mempolicy_home_node: [450, 450], lookup_dcookie: [212, 18], nfsservctl: [180, 42],
  iopl: [172, null], ioperm: [173, null], modify_ldt: [154, null], uselib: [134, null],
} as const satisfies Record<string, readonly [number, number | null]>

/** Calls that are judged by their arguments. */
export const JUDGED_CALLS = {
  x64: { clone: 56, clone3: 435, ioctl: 16, socket: 41, socketpair: 53 },
  arm64: { clone: 220, clone3: 435, ioctl: 29, socket: 198, socketpair: 199 },
} as const

/** AUDIT_ARCH_* of include/uapi/linux/audit.h. */
export const AUDIT_ARCHITECTURE = { x64: 0xc000003e, arm64: 0xc00000b7 } as const

export type FilterArchitecture = keyof typeof AUDIT_ARCHITECTURE
export const isFilterArchitecture = (name: string): name is FilterArchitecture => Object.hasOwn(AUDIT_ARCHITECTURE, name)

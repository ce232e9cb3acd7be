/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM erot

#if !defined(EROT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define EROT_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(erot_refused,
	TP_PROTO(const u8 *id, const char *why, int err),
	TP_ARGS(id, why, err),
	TP_STRUCT__entry(
		__array(u8, id, 16)
		__string(why, why)
		__field(int, err)
	),
	TP_fast_assign(
		memcpy(__entry->id, id, 16);
		__assign_str(why);
		__entry->err = err;
	),
	TP_printk("session=%s err=%d why=%s", __print_hex_str(__entry->id, 16), __entry->err,
		  __get_str(why))
);

TRACE_EVENT(erot_damaged,
	TP_PROTO(const u8 *id, u64 chunk),
	TP_ARGS(id, chunk),
	TP_STRUCT__entry(
		__array(u8, id, 16)
		__field(u64, chunk)
	),
	TP_fast_assign(
		memcpy(__entry->id, id, 16);
		__entry->chunk = chunk;
	),
	TP_printk("session=%s chunk=%llu", __print_hex_str(__entry->id, 16), __entry->chunk)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

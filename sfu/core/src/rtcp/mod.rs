//! RTCP: reports and feedback (RFC 3550, RFC 4585, transport-wide congestion control).

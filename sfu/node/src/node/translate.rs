//! Between the values of the core and the messages of the control link.
//!
//! Two vocabularies on purpose: the core knows nothing of JSON, and the protocol must not change
//! because the core does.

use sfu_core::api;
use signaling_wire::{control as wire, ids};

pub(super) fn leg_in(leg: ids::LegId) -> api::LegId {
    api::LegId(leg.bits())
}

pub(super) fn leg_out(leg: api::LegId) -> ids::LegId {
    ids::LegId::from_bits(leg.0)
}

pub(super) fn call_in(call: ids::CallId) -> api::CallId {
    api::CallId(call.bits())
}

pub(super) fn call_out(call: api::CallId) -> ids::CallId {
    ids::CallId::from_bits(call.0)
}

pub(super) fn reject_out(reason: api::RejectReason) -> wire::LegReject {
    match reason {
        api::RejectReason::BadOffer => wire::LegReject::BadOffer,
        api::RejectReason::WrongLeg => wire::LegReject::UnknownLeg,
        api::RejectReason::Full => wire::LegReject::NoCapacity,
    }
}

pub(super) fn end_out(reason: api::CloseReason) -> wire::LegEnd {
    match reason {
        api::CloseReason::Asked => wire::LegEnd::Asked,
        api::CloseReason::ConsentLost => wire::LegEnd::ConsentLost,
        api::CloseReason::NeverConnected => wire::LegEnd::NeverConnected,
        api::CloseReason::DtlsFailed => wire::LegEnd::DtlsFailed,
        api::CloseReason::PeerClosed => wire::LegEnd::PeerClosed,
    }
}

pub(super) fn warm_out(dtls: api::DtlsVersion, srtp: api::SrtpProfile) -> wire::LegState {
    let dtls = match dtls {
        api::DtlsVersion::V1_2 => "1.2",
        api::DtlsVersion::V1_3 => "1.3",
    };
    let srtp = match srtp {
        api::SrtpProfile::AeadAes128Gcm => "AEAD_AES_128_GCM",
        api::SrtpProfile::AeadAes256Gcm => "AEAD_AES_256_GCM",
        api::SrtpProfile::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
    };
    wire::LegState::Warm { dtls: dtls.to_owned(), srtp: srtp.to_owned() }
}

pub(super) fn step_out(step: api::CallStep) -> wire::CallEvent {
    match step {
        api::CallStep::Bridged => wire::CallEvent::Bridged,
        api::CallStep::FirstPacket(api::MediaKind::Audio) => {
            wire::CallEvent::FirstPacket { kind: wire::MediaKind::Audio }
        }
        api::CallStep::FirstPacket(api::MediaKind::Video) => {
            wire::CallEvent::FirstPacket { kind: wire::MediaKind::Video }
        }
        api::CallStep::FirstKeyFrame => wire::CallEvent::FirstKeyFrame,
    }
}

pub(super) fn quality_out(quality: api::Quality) -> wire::LegQuality {
    let api::Quality {
        rtt_ms,
        loss_up,
        loss_down,
        up_kbps,
        down_kbps,
        estimate_kbps,
        target_kbps,
        queue_ms,
        dropped,
    } = quality;
    wire::LegQuality {
        rtt_ms,
        loss_up,
        loss_down,
        up_kbps,
        down_kbps,
        estimate_kbps,
        target_kbps,
        queue_ms,
        dropped,
    }
}

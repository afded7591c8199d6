//! Ledger devices that are plugged into this machine: Linux' `/dev/hidraw*`.
//!
//! **Never tried on hardware**: none was at hand. Access needs Ledger's udev rules, as with Lotus.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use super::{
    Devices, Transport,
    app::AppError,
    hid::{HidTransport, PACKET, Packets},
};

/// Ledger's USB vendor number, as it stands in a device's `HID_ID`.
const VENDOR: &str = "00002C97";
/// The interface for commands; the others are for U2F and debugging.
const INTERFACE: &str = "input0";
/// How long a user may take to read and accept something on the device.
const PATIENCE: Duration = Duration::from_secs(300);

/// Devices of this machine.
#[derive(Debug, Clone)]
pub struct UsbDevices {
    sysfs: PathBuf,
    dev: PathBuf,
}

impl Default for UsbDevices {
    fn default() -> Self {
        Self {
            sysfs: PathBuf::from("/sys/class/hidraw"),
            dev: PathBuf::from("/dev"),
        }
    }
}

impl UsbDevices {
    /// Those that the kernel lists.
    pub fn new() -> Self {
        Self::default()
    }

    /// The device file of the first Ledger.
    fn find(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(&self.sysfs).ok()?;
        let mut names: Vec<_> = entries.filter_map(|e| Some(e.ok()?.file_name())).collect();
        names.sort();
        let ledger = names.into_iter().find(|name| {
            let about = self.sysfs.join(name).join("device/uevent");
            fs::read_to_string(about).is_ok_and(|text| is_ledger(&text))
        })?;
        Some(self.dev.join(ledger))
    }
}

/// Is this the description of a Ledger's interface for commands?
fn is_ledger(uevent: &str) -> bool {
    let value = |key: &str| {
        let line = uevent.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|rest| rest.strip_prefix('='))
    };
    let vendor = value("HID_ID").and_then(|id| id.split(':').nth(1));
    vendor == Some(VENDOR) && value("HID_PHYS").is_none_or(|phys| phys.ends_with(INTERFACE))
}

impl Devices for UsbDevices {
    fn open(&self) -> Result<Box<dyn Transport>, AppError> {
        let path = self.find().ok_or(AppError::NoDevice)?;
        Ok(Box::new(HidTransport(RawDevice::open(&path)?)))
    }
}

/// An open device file. Its packets are read by a thread of their own, so that a device that says
/// nothing keeps nobody waiting for ever; the thread ends with the next packet or with the device.
#[derive(Debug)]
struct RawDevice {
    file: File,
    incoming: Receiver<std::io::Result<[u8; PACKET]>>,
}

fn failed(error: impl std::fmt::Display) -> AppError {
    AppError::Device(error.to_string())
}

impl RawDevice {
    fn open(path: &Path) -> Result<Self, AppError> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|e| failed(format_args!("{}: {e}", path.display())))?;
        let mut reader = file.try_clone().map_err(failed)?;
        let (sender, incoming) = mpsc::channel();
        let reading = move || loop {
            let mut packet = [0; PACKET];
            let read = reader.read_exact(&mut packet).map(|()| packet);
            let over = read.is_err();
            if sender.send(read).is_err() || over {
                return;
            }
        };
        let thread = std::thread::Builder::new().name("ledger".to_owned());
        thread.spawn(reading).map_err(failed)?;
        Ok(Self { file, incoming })
    }
}

impl Packets for RawDevice {
    fn send(&mut self, packet: &[u8; PACKET]) -> Result<(), AppError> {
        // The number of the report comes first; Ledger's have none.
        let mut report = [0; PACKET + 1];
        for (place, byte) in report.iter_mut().skip(1).zip(packet) {
            *place = *byte;
        }
        self.file.write_all(&report).map_err(failed)
    }

    fn receive(&mut self) -> Result<[u8; PACKET], AppError> {
        match self.incoming.recv_timeout(PATIENCE) {
            Ok(packet) => packet.map_err(failed),
            Err(RecvTimeoutError::Timeout) => Err(failed(format_args!(
                "it did not answer within {} s",
                PATIENCE.as_secs()
            ))),
            Err(RecvTimeoutError::Disconnected) => Err(failed("it was unplugged")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_told_from_other_devices_by_its_vendor_and_interface() {
        let uevent = |vendor: &str, interface: &str| {
            format!(
                "DRIVER=hid-generic\nHID_ID=0003:{vendor}:00001011\nHID_NAME=Ledger Nano S\n\
                 HID_PHYS=usb-0000:00:14.0-1/{interface}\n"
            )
        };
        assert!(is_ledger(&uevent("00002C97", "input0")));
        assert!(!is_ledger(&uevent("00002C97", "input1")));
        assert!(!is_ledger(&uevent("0000046D", "input0")));
        assert!(!is_ledger(""));
    }

    #[test]
    fn no_device_is_said_in_words_that_help() {
        let nowhere = UsbDevices {
            sysfs: PathBuf::from("/nonexistent"),
            dev: PathBuf::from("/nonexistent"),
        };
        assert_eq!(nowhere.open().err(), Some(AppError::NoDevice));
    }
}
